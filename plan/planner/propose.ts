import { InputError, maximum, mean } from "../../core/index.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { groupJobs } from "./grouping.ts";
import { tokensOf } from "./job-rows.ts";
import { leavesCutOpen } from "./pack.ts";
import type { Costed } from "./request.ts";

/** Parts that the mean mini-batch of a job is cut into, where the planner may choose. */
const PARTS = [1, 2, 4, 8, 16, 32, 64];
/** Up to so many jobs every number of groups is worth a look. */
const FEW_JOBS = 6;

/** What the search chooses of the work. */
export interface WorkChoice {
  readonly numGroups: number;
  /** Tokens of a micro-batch of one job that leaves its cut open; null where none does. */
  readonly cutTokens: number | null;
  /** The most jobs that train at once; null for all. */
  readonly jobsAtOnce: number | null;
}

function ascending(counts: ReadonlySet<number>): readonly number[] {
  return [...counts].sort((a, b) => a - b);
}

/** Jobs of the largest of so many groups. */
export function largestGroup({ rows }: Costed, numGroups: number): number {
  const groups = groupJobs(
    rows.map((each) => tokensOf(each)),
    numGroups,
  );
  return maximum(groups.map(({ length }) => length));
}

/** Numbers of groups worth a look, ascending. @throws InputError for more groups than jobs */
function allGroupCounts({ groups, jobs, devices, schedule, calibration }: Costed): readonly number[] {
  const numJobs = jobs.length;
  if (typeof groups === "number") {
    if (groups > numJobs)
      throw new InputError({ expected: `at most as many groups as jobs (${numJobs})`, at: "--groups", got: groups });
    return [groups];
  }
  if (groups === "unfused" || !SCHEDULE_TABLE[schedule].interleavesGroups) return [numJobs];
  const counts = new Set<number>([numJobs]);
  for (let count = devices.length; count < numJobs; count *= 2) counts.add(count);
  // Where an action takes the same time whatever is in it, nothing says how far to share: one group a device.
  if (calibration.model === "constant" && calibration.perTokens === undefined) return ascending(counts);
  if (numJobs <= FEW_JOBS) return Array.from({ length: numJobs }, (_, i) => i + 1);
  for (const share of [0.25, 0.5, 0.75]) counts.add(Math.max(1, Math.round(share * numJobs)));
  if (devices.length > 1) counts.add(Math.min(numJobs, devices.length + 1));
  return ascending(counts);
}

/**
 * Those whose groups train whole. @throws InputError for more groups than jobs, or groups of more jobs than may train
 * at once
 */
function groupCounts(request: Costed): readonly number[] {
  const counts = allGroupCounts(request);
  const { jobsAtOnce } = request;
  if (typeof jobsAtOnce !== "number") return counts;
  const whole = counts.filter((count) => largestGroup(request, count) <= jobsAtOnce);
  if (whole.length === 0)
    throw new InputError({
      expected: `at least ${largestGroup(request, counts.at(-1)!)}, the jobs of the largest group,`,
      at: "--jobs-at-once",
      got: jobsAtOnce,
    });
  return whole;
}

/** Numbers of jobs at once worth a look where memory binds, the most first. */
function fewerAtOnce({ jobsAtOnce, jobs, schedule }: Costed): readonly number[] {
  if (jobsAtOnce !== "auto" || !SCHEDULE_TABLE[schedule].interleavesGroups) return [];
  const fewer: number[] = [];
  for (let count = Math.ceil(jobs.length / 2); count < (fewer.at(-1) ?? jobs.length); count = Math.ceil(count / 2))
    fewer.push(count);
  return fewer;
}

/**
 * Tokens of a micro-batch of one job that are worth a look, the most first; null alone where every job says how it is
 * cut.
 */
function cuts({ jobs, rows }: Costed): readonly (number | null)[] {
  const open = jobs.flatMap((job, i) => (leavesCutOpen(job) ? [i] : []));
  if (open.length === 0) return [null];
  const stepTokens = mean(open.map((job) => tokensOf(rows[job]!) / rows[job]!.steps.length));
  const rowTokens = mean(open.map((job) => tokensOf(rows[job]!) / (rows[job]!.steps.length * jobs[job]!.batchSize)));
  const parts = PARTS.filter((count) => stepTokens / count >= rowTokens);
  return [...new Set([...parts.map((count) => Math.ceil(stepTokens / count)), Math.ceil(rowTokens)])];
}

/** Sizes between a cut and its neighbours. */
export function between(cuts: readonly (number | null)[], cut: number | null): readonly number[] {
  const at = cuts.indexOf(cut);
  return [cuts[at - 1], cuts[at + 1]].flatMap((other) =>
    cut === null || other === undefined || other === null ? [] : [Math.ceil(Math.sqrt(cut * other))],
  );
}

/**
 * What a request leaves open: sizes of micro-batches, the most first, numbers of groups, ascending, and jobs at once.
 */
export interface Proposals {
  readonly cuts: readonly (number | null)[];
  readonly groupCounts: readonly number[];
  /** How many jobs train at once, null for all, and fewer that are worth a look where memory binds. */
  readonly jobsAtOnce: number | null;
  readonly fewerAtOnce: readonly number[];
}

export function proposals(request: Costed): Proposals {
  const { jobsAtOnce, jobs } = request;
  return {
    cuts: cuts(request),
    groupCounts: groupCounts(request),
    jobsAtOnce: typeof jobsAtOnce === "number" && jobsAtOnce < jobs.length ? jobsAtOnce : null,
    fewerAtOnce: fewerAtOnce(request),
  };
}
