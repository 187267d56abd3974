import { InputError, maximum, sum } from "../../core/index.ts";
import { tokensOf } from "../actions/job-rows.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { groupJobs } from "./grouping.ts";
import { leavesCutOpen } from "./pack.ts";
import type { Costed } from "./request.ts";

/** What the search chooses of the work. */
export interface WorkChoice {
  readonly numGroups: number;
  /** Tokens of a micro-batch of one job that leaves its cut open; null where none does. */
  readonly cutTokens: number | null;
  /** The most jobs that train at once; null for all. */
  readonly jobsAtOnce: number | null;
}

/** Jobs of the largest of so many groups. */
export function largestGroup({ rows }: Costed, numGroups: number): number {
  const groups = groupJobs(
    rows.map((each) => tokensOf(each)),
    numGroups,
  );
  return maximum(groups.map(({ length }) => length));
}

/** The fewest and the most groups that a request leaves open. @throws InputError for more groups than jobs */
function groupRange({ groups, jobs, devices, schedule, calibration }: Costed): readonly [number, number] {
  const numJobs = jobs.length;
  if (typeof groups === "number") {
    if (groups > numJobs)
      throw new InputError({
        expected: `at most as many groups as a pipeline has jobs (${numJobs})`,
        at: "--groups",
        got: groups,
        hint: "Each pipeline has so many groups of its own: use fewer groups, or fewer pipelines (--pipelines).",
      });
    return [groups, groups];
  }
  if (groups === "unfused" || !SCHEDULE_TABLE[schedule].interleavesGroups) return [numJobs, numJobs];
  // Where an action takes the same time whatever is in it, nothing says how far to share: one group a device.
  if (calibration.model === "constant" && calibration.perTokens === undefined)
    return [Math.min(numJobs, devices.length), numJobs];
  return [1, numJobs];
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
 * The shortest and the longest cut worth a look: a mean row of the job with the shortest rows, or a quarter of that of
 * all, and the longest mini-batch, of the jobs that leave it open.
 */
function cutRange({ jobs, rows }: Costed): readonly [number, number] | undefined {
  const open = rows.filter((_, job) => leavesCutOpen(jobs[job]!));
  if (open.length === 0) return undefined;
  const tokens = open.map((each) => Array.from(each.steps, (step) => sum(step.map((row) => each.tokens[row]!))));
  const numRows = open.map((each) => sum(Array.from(each.steps, ({ length }) => length)));
  const meanRows = tokens.map((steps, i) => sum(steps) / numRows[i]!);
  const meanRow = sum(tokens.flat()) / sum(numRows);
  return [Math.ceil(Math.max(Math.min(...meanRows), meanRow / 4)), maximum(tokens.flat())];
}

/** Halves of the longest cut down to the shortest one; null alone where every job says how it is cut. */
function coarseCuts(range: readonly [number, number] | undefined): readonly (number | null)[] {
  if (range === undefined) return [null];
  const [shortest, longest] = range;
  const cuts: number[] = [];
  for (let cut = longest; cut > shortest; cut /= 2) cuts.push(Math.ceil(cut));
  return [...new Set([...cuts, shortest])];
}

/** From one number of groups, or size of a micro-batch, to the next one that is tried. */
const STEP = Math.SQRT2;

/** What a request leaves open to choose. */
export interface Proposals {
  /** From all over what is open, micro-batches of the most tokens first. */
  readonly coarse: readonly WorkChoice[];
  /** What takes the least memory with these jobs at once. */
  least(jobsAtOnce: number | null): WorkChoice;
  /** A choice with another number of groups, as near as the request has it. */
  withGroups(choice: WorkChoice, numGroups: number): WorkChoice;
  /** What is a step from a choice. */
  neighbours(choice: WorkChoice): readonly WorkChoice[];
  /** Fewer jobs at once than all, the most first, that are worth a look where memory binds. */
  readonly fewerAtOnce: readonly number[];
  /** A choice with fewer jobs at once, where its groups train whole. */
  withFewer(choice: WorkChoice): readonly WorkChoice[];
}

/** @throws InputError for more groups than jobs, or groups of more jobs than may train at once */
export function proposals(request: Costed): Proposals {
  const { jobs } = request;
  const given = typeof request.jobsAtOnce === "number" ? request.jobsAtOnce : undefined;
  const most = given !== undefined && given < jobs.length ? given : null;
  const isWhole = ({ numGroups, jobsAtOnce }: WorkChoice): boolean =>
    jobsAtOnce === null || largestGroup(request, numGroups) <= jobsAtOnce;
  const [fewest, all] = groupRange(request);
  const range = cutRange(request);
  const cuts = coarseCuts(range);
  const fewer = fewerAtOnce(request);
  const least = (jobsAtOnce: number | null): WorkChoice => ({ numGroups: all, cutTokens: cuts.at(-1)!, jobsAtOnce });
  if (!isWhole(least(most)))
    throw new InputError({
      expected: `at least ${largestGroup(request, all)}, the jobs of the largest group,`,
      at: "--jobs-at-once",
      got: given,
    });
  // One group's jobs, which is the least that a number of groups can have.
  const groupByGroup = (choice: WorkChoice): readonly WorkChoice[] => {
    const jobsAtOnce = largestGroup(request, choice.numGroups);
    return fewer.length > 0 && jobsAtOnce < jobs.length ? [{ ...choice, jobsAtOnce }] : [];
  };
  const groupsIn = (counts: readonly number[]): readonly number[] => [
    ...new Set(counts.map((count) => Math.min(all, Math.max(fewest, count)))),
  ];
  const cutsIn = (sizes: readonly number[]): readonly number[] => [
    ...new Set(sizes.map((size) => Math.ceil(Math.min(range![1], Math.max(range![0], size))))),
  ];
  return {
    fewerAtOnce: fewer,
    least,
    coarse: groupsIn([all, Math.round(Math.sqrt(fewest * all)), fewest])
      .flatMap((numGroups) => cuts.map((cutTokens): WorkChoice => ({ numGroups, cutTokens, jobsAtOnce: most })))
      .filter(isWhole),
    withGroups: (choice, numGroups) => ({ ...choice, numGroups: groupsIn([numGroups])[0]! }),
    neighbours(choice) {
      const { numGroups, cutTokens, jobsAtOnce } = choice;
      const [down, up] = [Math.floor(numGroups / STEP), Math.ceil(numGroups * STEP)];
      const byGroups = groupsIn([numGroups - 1, numGroups + 1, down, up]).map((count) => ({
        ...choice,
        numGroups: count,
      }));
      const byCut =
        cutTokens === null
          ? []
          : cutsIn([cutTokens / STEP, cutTokens * STEP]).map((cut) => ({
              ...choice,
              cutTokens: cut,
            }));
      // As many tokens in a micro-batch: of fewer jobs, or of more.
      const byBoth =
        cutTokens === null
          ? []
          : (
              [
                [down, cutTokens / STEP],
                [up, cutTokens * STEP],
              ] as const
            ).map(([count, cut]) => ({ ...choice, numGroups: groupsIn([count])[0]!, cutTokens: cutsIn([cut])[0]! }));
      const byJobs =
        jobsAtOnce === null || jobsAtOnce === given
          ? []
          : [
              ...byGroups.flatMap(groupByGroup),
              ...[Math.ceil(jobsAtOnce / STEP), Math.ceil(jobsAtOnce * STEP)]
                .filter((count) => count < jobs.length)
                .map((count) => ({ ...choice, jobsAtOnce: count })),
            ];
      return [...byGroups, ...byCut, ...byBoth, ...byJobs].filter(isWhole);
    },
    withFewer: (choice) => [
      ...fewer.map((jobsAtOnce) => ({ ...choice, jobsAtOnce })).filter(isWhole),
      ...groupByGroup(choice),
    ],
  };
}
