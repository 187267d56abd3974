// What is seen of a job's losses, the rules, and what they say.
export { type LossWatch, startWatch, type WatchedJob } from "./loss-watch.ts";
export { ONLY_NOT_FINITE } from "./stopping-options.ts";
export type { StopRule, Verdict } from "./verdict.ts";
export { type SeenLosses, watchLosses } from "./watch-losses.ts";
