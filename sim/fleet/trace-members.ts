import { createRng, InputError, sum } from "../../core/index.ts";
import type { FleetWork, Setting } from "../../plan/index.ts";
import type { FleetMember } from "./simulate-fleet.ts";

/** A job of a cluster trace, as far as it decides anything here. */
export interface TracedJob {
  readonly id: string;
  readonly user: string;
  readonly submitSeconds: number;
  /** GPUs times time that it ran. */
  readonly gpuSeconds: number;
  readonly ended: "completed" | "failed" | "stopped";
}

export interface TraceRequest {
  /** In the order in which they were submitted. */
  readonly jobs: readonly TracedJob[];
  readonly setting: Setting;
  readonly kinds: readonly FleetWork[];
  /** From when each comes, by when it is to have ended; by kind, null for none. */
  readonly deadlinesNs: readonly (number | null)[];
  /** Of an iteration of each kind on the first pipeline, alone. */
  readonly iterationNs: readonly number[];
  /** GPU seconds here for each of the trace, or such that jobs take so much of the fleet's time while they come. */
  readonly amount: { readonly scale: number } | { readonly load: number };
}

export interface TraceMembers {
  readonly members: readonly FleetMember[];
  readonly scale: number;
  /** What the jobs take of the fleet's time while they come, each alone on a pipeline; undefined if all come at once. */
  readonly load: number | undefined;
}

/** A job that was not completed had trained a share of its iterations that nobody knows: one between these. */
const STOPPED = { least: 0.1, most: 0.9 } as const;

/**
 * LoRA jobs that come as those of a cluster trace did. A hash of a job's id draws its kind; it trains as many iterations
 * as take its GPU time, scaled, on a pipeline that it has to itself. One that failed or was stopped asks for more, of
 * which it has trained a share when it ends.
 */
export function traceMembers({ jobs, setting, kinds, deadlinesNs, iterationNs, amount }: TraceRequest): TraceMembers {
  const firstSeconds = jobs[0]!.submitSeconds;
  const spanSeconds = jobs.at(-1)!.submitSeconds - firstSeconds;
  const offered = sum(jobs.map(({ gpuSeconds }) => gpuSeconds)) / setting.devices.length;
  if ("load" in amount && spanSeconds === 0)
    throw new InputError({ expected: "jobs that come at different times for a load", got: `${jobs.length} at once` });
  const scale = "scale" in amount ? amount.scale : (amount.load * spanSeconds) / offered;
  const { firstStage, endStage } = setting.pipelines[0]!;
  // GPU seconds of an iteration, by kind.
  const iteration = iterationNs.map((ns) => ((endStage - firstStage) * ns) / 1e9);
  const members = jobs.map(({ id, user, submitSeconds, gpuSeconds, ended }): FleetMember => {
    const rng = createRng(id);
    const kind = rng.nextInt(kinds.length);
    const trained = Math.max(1, Math.round((scale * gpuSeconds) / iteration[kind]!));
    const share = STOPPED.least + (STOPPED.most - STOPPED.least) * rng.nextFloat();
    const steps = ended === "completed" ? trained : Math.ceil(trained / share);
    const { job, steps: rows } = kinds[kind]!;
    const arrivalNs = Math.round(1e9 * (submitSeconds - firstSeconds));
    const slackNs = deadlinesNs[kind]!;
    return {
      work: { job: { ...job, name: id, steps }, steps: rows },
      arrival: { user, arrivalNs, deadlineNs: slackNs === null ? null : arrivalNs + slackNs },
      ...(steps > trained ? { stops: trained } : {}),
    };
  });
  return { members, scale, load: spanSeconds === 0 ? undefined : (scale * offered) / spanSeconds };
}
