// Who is compared, and what is said of them.
export {
  type HeldOutLoss,
  type JudgedJob,
  type RankedJob,
  type Ranking,
  rankJobs,
} from "./rank-jobs.ts";
export type { SettingValue } from "./varied-keys.ts";
