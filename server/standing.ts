/**
 * Where a job is. `leaving`: it trains to the end of its iteration and is preempted then. `paused`: somebody holds it
 * back. Then what is over: `ended` after all its iterations, `stopped` early since more would not better it,
 * `cancelled` by somebody, `refused` before it began, `failed` since it cannot go on.
 */
export const STANDINGS = [
  "waiting",
  "running",
  "leaving",
  "preempted",
  "paused",
  "ended",
  "stopped",
  "cancelled",
  "refused",
  "failed",
] as const;
export type Standing = (typeof STANDINGS)[number];

/** The standings of jobs that nothing more happens to. */
export const OVER = ["ended", "stopped", "cancelled", "refused", "failed"] as const satisfies readonly Standing[];

export function isOver({ standing }: { readonly standing: Standing }): boolean {
  return OVER.some((each) => each === standing);
}

/** What tells whether a job keeps its deadline; times in seconds since the fleet's start. */
export interface DueJob {
  readonly standing: Standing;
  readonly deadlineSeconds: number | null;
  readonly endSeconds: number | null;
  readonly predictedEnd: { readonly seconds: number } | null;
}

/** Standings of jobs that wait for a pipeline. */
export const WAITING: readonly Standing[] = ["waiting", "preempted", "paused"];

/** Whether nobody knows when a job will end, or when it ended. */
export function hasNoEnd({ endSeconds, predictedEnd }: Pick<DueJob, "endSeconds" | "predictedEnd">): boolean {
  return endSeconds === null && predictedEnd === null;
}

/**
 * Seconds by which a job ended after its deadline, or is predicted to. One of which no end is predicted is late by what
 * has passed since then. 0 for a job that is in time, has no deadline, or was refused.
 */
export function secondsLate(job: DueJob, now: number): number {
  if (job.deadlineSeconds === null || job.standing === "refused") return 0;
  const end = job.endSeconds ?? Math.max(now, job.predictedEnd?.seconds ?? 0);
  return Math.max(0, end - job.deadlineSeconds);
}
