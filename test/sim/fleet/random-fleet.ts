import fc from "fast-check";
import { type FleetJob, type Policy, type PolicyName, policyOf, type Resources } from "../../../plan/index.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import type { FleetTimes } from "../../../sim/fleet/fleet-times.ts";
import { fleetForecaster } from "../../../sim/fleet/forecast.ts";

/** The memory of a pipeline. */
export const BYTES = 100;

/** Memory by job, and iterations that take longer the more jobs share a pipeline. */
function machines(numPipelines: number, bytes: readonly number[]): Resources {
  const nextBytes = ({ number }: FleetJob): number => bytes[number]!;
  return {
    numPipelines,
    isSteady: true,
    shortfall(pipeline, jobs) {
      const short = jobs.reduce((sum, job) => sum + nextBytes(job), 0) - BYTES;
      return short > 0 ? { kind: "memory", device: `device ${pipeline}`, bytes: short } : undefined;
    },
    kindOf: (job) => `${nextBytes(job)}`,
    iterationNs: ({ tokens }) => 10 * tokens,
    nextBytes,
    nextLength: ({ number, done }) => 1 + ((number * 7 + done * 3) % 13),
  };
}

const job = fc.record({
  user: fc.constantFrom("a", "b", "c"),
  priority: fc.integer({ min: 0, max: 3 }),
  arrivalNs: fc.integer({ min: 0, max: 3000 }),
  slackNs: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: null }),
  asked: fc.integer({ min: 1, max: 20 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  guess: fc.integer({ min: 1, max: 30 }),
  tokens: fc.integer({ min: 1, max: 5 }),
  bytes: fc.integer({ min: 10, max: BYTES }),
});

/** Jobs that come within some hundred iterations, on a few pipelines. */
export const randomFleet = fc.record({
  jobs: fc.array(job, { minLength: 1, maxLength: 25 }),
  numPipelines: fc.integer({ min: 1, max: 4 }),
  isAhead: fc.boolean(),
});
export type RandomFleet = typeof randomFleet extends fc.Arbitrary<infer T> ? T : never;

export interface MadeFleet {
  /** In the order of arrival. */
  readonly simulated: readonly SimulatedJob[];
  readonly bytes: readonly number[];
  readonly resources: Resources;
  readonly numPipelines: number;
  readonly times: FleetTimes;
  readonly isAhead: boolean;
  readonly policy: (name: PolicyName) => Policy;
}

export function madeFleet({ jobs, numPipelines, isAhead }: RandomFleet): MadeFleet {
  const byArrival = [...jobs].sort((a, b) => a.arrivalNs - b.arrivalNs);
  const bytes = byArrival.map((each) => each.bytes);
  const simulated = byArrival.map(({ user, priority, arrivalNs, slackNs, asked, share, guess, tokens }, index) => {
    const request = { name: `${index}`, user, priority, arrivalNs, tokens, iterations: asked };
    return {
      request: { ...request, deadlineNs: slackNs === null ? null : arrivalNs + slackNs },
      iterations: Math.max(1, Math.round(share * asked)),
      predictions: [{ done: 1, predicted: Math.min(guess, asked) }],
    } satisfies SimulatedJob;
  });
  const times: FleetTimes = { iterationNs: (_, own) => own.map(({ tokens }) => 5 * tokens * (1 + own.length)) };
  const resources = machines(numPipelines, bytes);
  const forecast = fleetForecaster({ times, isAhead });
  const policy = (name: PolicyName): Policy => policyOf(name, resources, { forecast });
  return { simulated, bytes, resources, numPipelines, times, isAhead, policy };
}
