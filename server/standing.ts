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
