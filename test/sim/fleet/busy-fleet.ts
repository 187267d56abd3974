import { createRng } from "../../../core/index.ts";
import type { FleetJob, Resources } from "../../../plan/index.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import type { FleetTimes } from "../../../sim/fleet/fleet-times.ts";
import { sharedPace } from "../../../sim/fleet/shared-pace.ts";
import { BYTES } from "./random-fleet.ts";

/** A fleet that has as much to do as it can, or nearly: jobs of many sizes that share pipelines. */
export interface BusyFleet {
  /** In the order of arrival. */
  readonly jobs: readonly SimulatedJob[];
  readonly resources: Resources;
  readonly times: FleetTimes;
}

export interface BusyFleetOptions {
  readonly count: number;
  readonly numPipelines: number;
  /** Of what the pipelines can do; all jobs come at the start where it is infinite. */
  readonly load: number;
  readonly priorities: number;
  /** The share of jobs that end before they are predicted to. */
  readonly early?: number;
}

const SECOND = 1e9;

export function busyFleet(seed: string, options: BusyFleetOptions): BusyFleet {
  const { count, numPipelines, load, priorities, early = 0 } = options;
  const rng = createRng(`busy ${seed}`);
  const kinds = Array.from({ length: count }, () => {
    const aloneNs = SECOND * (0.5 + rng.nextFloat());
    return { aloneNs, loadNs: aloneNs * (0.35 + 0.6 * rng.nextFloat()), bytes: 10 + rng.nextInt(50) };
  });
  let atNs = 0;
  const jobs = kinds.map(({ loadNs }, index): SimulatedJob => {
    const iterations = Math.round(10 * 40 ** rng.nextFloat());
    atNs -= ((loadNs * 105) / numPipelines / load) * Math.log(1 - rng.nextFloat());
    const request = {
      name: `job${index}`,
      user: `user${rng.nextInt(3)}`,
      priority: rng.nextInt(priorities),
      arrivalNs: Math.round(atNs),
      deadlineNs: null,
      iterations,
      tokens: 1000,
    };
    const isEarly = rng.nextFloat() < early;
    return { request, iterations: isEarly ? Math.max(1, Math.round(iterations * 0.3)) : iterations };
  });
  const of = ({ number }: Pick<FleetJob, "number">) => kinds[number]!;
  const nextBytes = (job: FleetJob): number => of(job).bytes;
  return {
    jobs,
    times: { iterationNs: (_, own) => sharedPace(own.map(of)) },
    resources: {
      numPipelines,
      isSteady: true,
      shortfall(pipeline, own) {
        const short = own.reduce((sum, job) => sum + nextBytes(job), 0) - BYTES;
        return short > 0 ? { kind: "memory", device: `device ${pipeline}`, bytes: short } : undefined;
      },
      kindOf: (job) => `${nextBytes(job)}`,
      iterationNs: (job) => of(job).aloneNs,
      nextBytes,
      nextLength: ({ number }) => 100 + ((number * 7) % 13),
    },
  };
}
