import { formatSeconds } from "../../core/index.ts";
import { type Golden, POLICIES } from "../../plan/index.ts";
import { type GoldenRun, outcomesOf } from "./golden-run.ts";
import { hasSameTimes, type SeenGolden } from "./seen-golden.ts";

/** Who judges what a revision decides, beside itself. */
export interface Judges {
  /** By golden workload, its new plan as the revision before simulates it. */
  readonly crossed: ReadonlyMap<string, GoldenRun>;
  /** Source files that the change touches; empty where nobody knows. */
  readonly changed: readonly string[];
}

/** What times and sizes come from; the rest of `plan/` decides. */
const JUDGING = ["core/", "sim/", "calibration/", "traces/", "plan/"];
const DECIDING = ["planner", "packing", "schedules", "scheduler", "growth", "halving", "early-stopping"].map(
  (folder) => `plan/${folder}/`,
);

/** Those of some files by which decisions are judged. */
export function judgingFiles(files: readonly string[]): readonly string[] {
  const isIn = (file: string, folders: readonly string[]): boolean => folders.some((folder) => file.startsWith(folder));
  return files.filter((file) => isIn(file, JUDGING) && !isIn(file, DECIDING));
}

const SAME = 1e-9;
const MOST_FILES = 3;

/** What the simulator before makes of the new plan, where that is something else than what the new one makes of it. */
function doubtsOfPlan(now: GoldenRun, crossed: GoldenRun): readonly string[] {
  if (crossed.code !== 0) return [`the revision before refuses the new plan: ${crossed.error ?? "no reason"}`];
  const [own, other] = [now.metrics!.makespanSeconds, crossed.metrics!.makespanSeconds];
  if (Math.abs(own - other) <= SAME * other) return [];
  return [
    `no decision explains it: of the new plan the simulator before makes ${formatSeconds(other)}, this one ${formatSeconds(own)}`,
  ];
}

/** Jobs that train alone take what they took, whenever they train. */
function doubtsOfPace(before: GoldenRun, now: GoldenRun): readonly string[] {
  const was = new Map(outcomesOf(before.metrics!).map((outcome) => [outcome.name, outcome]));
  const moved = outcomesOf(now.metrics!).find(({ name, trainedNs, iterations, preemptions }) => {
    const then = was.get(name);
    // Whose state comes back more often takes longer; pieces are rounded to whole nanoseconds.
    if (then?.iterations !== iterations || then.preemptions !== preemptions) return false;
    return Math.abs(then.trainedNs - trainedNs) > 1e-6 * trainedNs;
  });
  if (moved === undefined) return [];
  const [then, own] = [was.get(moved.name)!.trainedNs, moved.trainedNs].map((ns) => formatSeconds(ns / 1e9));
  return [`no decision explains it: ${moved.name} trains alone, for ${then} before and ${own} now`];
}

/** An end that comes before any could, by the bounds of the revision before. */
function doubtsOfBounds(before: GoldenRun, now: GoldenRun): readonly string[] {
  const bound = before.metrics!.bounds?.makespan.boundSeconds ?? 0;
  const { makespanSeconds } = now.metrics!;
  return makespanSeconds < bound * (1 - SAME)
    ? [
        `no decision explains it: ${formatSeconds(makespanSeconds)} in all, and no scheduler can do it in less than ${formatSeconds(bound)}`,
      ]
    : [];
}

/** Whether what a policy decides is what it is called after. `twin` promises no more than a good end. */
function isPromise(policy: unknown): boolean {
  return policy !== "twin" && POLICIES.some((each) => each === policy);
}

function doubtsOfFleet(
  before: GoldenRun,
  now: GoldenRun,
  options: Golden["options"],
  changed: readonly string[],
): readonly string[] {
  const files = judgingFiles(changed);
  const [first, more] = [files.slice(0, MOST_FILES), files.length - MOST_FILES];
  return [
    ...(options["jobs-at-once"] === 1 ? doubtsOfPace(before, now) : []),
    ...doubtsOfBounds(before, now),
    ...(isPromise(options["policy"])
      ? [`${options["policy"]} decides otherwise than before, and jobs ask for it by name`]
      : []),
    ...(files.length === 0
      ? []
      : [
          `decisions may not explain it: what judges them changed, too (${first.join(", ")}${more > 0 ? ` and ${more} more` : ""})`,
        ]),
  ];
}

/** Why what moved does not follow from other decisions, in words; empty where it does. */
export function unexplained(before: SeenGolden, now: SeenGolden, { crossed, changed }: Judges): readonly string[] {
  const [was, is] = [before.stored, now.stored];
  // Of two policies nothing has to be explained.
  if (before.golden.options["policy"] !== now.golden.options["policy"]) return [];
  if (was.code !== 0 || is.code !== 0) return [];
  if (was.digests.plan === is.digests.plan && was.digests.decisions === is.digests.decisions)
    return hasSameTimes(before, now) ? [] : ["no decision explains it: those that are told are the same"];
  if (before.run === undefined || now.run === undefined) return [];
  const own = crossed.get(now.golden.name);
  if (own !== undefined) return doubtsOfPlan(now.run, own);
  if (now.run.journal.length === 0) return [];
  return doubtsOfFleet(before.run, now.run, now.golden.options, changed);
}
