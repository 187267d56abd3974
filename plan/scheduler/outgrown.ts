import { formatBytes } from "../../core/index.ts";
import type { FleetJob } from "./fleet-job.ts";
import { type Resources, shortfallText } from "./resources.ts";

/** A job that was seen to take more than was kept for it. */
export interface GrownJob {
  readonly job: FleetJob;
  /** By how much, on the device where it is the most. */
  readonly bytes: number;
}

/**
 * Of them those that have to go, since the jobs on their pipelines have no room together: whoever grew the most first,
 * of equals the last to come. By number, with the reason. The others stay, whatever a policy thinks of them.
 */
export function outgrownJobs(
  grown: readonly GrownJob[],
  placed: readonly FleetJob[],
  resources: Resources,
): ReadonlyMap<number, string> {
  const outgrown = new Map<number, string>();
  for (const { job, bytes } of [...grown].sort((a, b) => b.bytes - a.bytes || b.job.number - a.job.number)) {
    const beside = placed.filter(({ number, pipeline }) => pipeline === job.pipeline && !outgrown.has(number));
    const shortfall = resources.shortfall(job.pipeline!, beside);
    if (shortfall !== undefined)
      outgrown.set(job.number, `takes ${formatBytes(bytes)} more than was kept for it: ${shortfallText(shortfall)}`);
  }
  return outgrown;
}

/** What is missing for a job alone, where no pipeline has it; undefined where one has. */
export function tooLarge(job: FleetJob, resources: Resources): string | undefined {
  const missing = Array.from({ length: resources.numPipelines }, (_, pipeline) => resources.shortfall(pipeline, [job]));
  const first = missing[0];
  return first === undefined || missing.includes(undefined) ? undefined : shortfallText(first);
}
