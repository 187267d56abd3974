import type { FleetJob } from "./fleet-job.ts";
import type { FleetEvent } from "./journal.ts";
import type { Scheduler } from "./scheduler.ts";

/** Whether sizes are learned, and a job is on a pipeline where it was not measured since it came there. */
export function isUnmeasured(scheduler: Scheduler, number: number): boolean {
  const { pipeline, measured } = scheduler.job(number);
  return scheduler.resources.learning !== undefined && pipeline !== undefined && measured?.pipeline !== pipeline;
}

/**
 * The event that follows from an iteration that a job has ended and that is not its last: what it takes, if it is its
 * first one on its pipeline and sizes are learned. `bytesOf`: of each device of the pipeline; what is predicted where
 * nobody says.
 */
export function measurementOf(
  scheduler: Scheduler,
  number: number,
  bytesOf: (pipeline: number) => readonly number[] | undefined = () => undefined,
): readonly FleetEvent[] {
  if (!isUnmeasured(scheduler, number)) return [];
  const job: FleetJob = scheduler.job(number);
  const pipeline = job.pipeline!;
  const bytes = bytesOf(pipeline) ?? scheduler.resources.learning!.expected(pipeline, job);
  return [{ kind: "measured", number, bytes }];
}
