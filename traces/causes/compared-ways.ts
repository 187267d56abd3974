import { counted } from "../../core/index.ts";
import type { Plan } from "../../plan/index.ts";
import type { TraceStream } from "../trace.ts";
import { differenceByCause, type RunDifference } from "./cause-difference.ts";
import { causeText } from "./causes.ts";
import { criticalPath, type PathCause, pathCauses } from "./critical-path.ts";
import { runCauses } from "./run-causes.ts";

/** A plan and its run. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly trace: TraceStream;
}

/** One of two ways to train something. */
export interface WayFacts {
  readonly planHash: string;
  readonly schedule: string;
  readonly numPipelines: number;
  readonly numGroups: number;
  /** What would make its run shorter, the most first. */
  readonly criticalPath: readonly PathCause[];
}

/** Two ways to train something, and why the other takes longer or shorter than the one. */
export interface ComparedWays extends RunDifference {
  readonly ways: readonly [one: WayFacts, other: WayFacts];
}

function wayFacts({ plan, trace }: PlannedRun): WayFacts {
  const { hash, schedule, pipelines, groups } = plan;
  return {
    planHash: hash,
    schedule,
    numPipelines: pipelines.length,
    numGroups: groups.length,
    criticalPath: pathCauses(criticalPath(plan, trace), trace.devices),
  };
}

/** Compares two ways by what their time goes to. */
export function compareWays(one: PlannedRun, other: PlannedRun): ComparedWays {
  const [a, b] = [one, other].map(({ plan, trace }) => runCauses(plan, trace));
  return { ways: [wayFacts(one), wayFacts(other)], ...differenceByCause(a!, b!) };
}

/** "lorapp, 2 pipelines, 3 groups" */
export function wayText({ schedule, numPipelines, numGroups }: WayFacts): string {
  return `${schedule}, ${counted(numPipelines, "pipeline")}, ${counted(numGroups, "group")}`;
}

/** What would shorten a run: the cause, and what of it would be less. */
export function shorteningText({ cause, device }: PathCause): readonly [what: string, how: string] {
  const what = `${causeText({ cause })}${device === null ? "" : ` on ${device}`}`;
  switch (cause) {
    case "transfer":
      return [what, "links twice as fast would save"];
    case "products":
    case "update":
    case "evaluation":
    case "samples":
      return [what, "a device twice as fast would save"];
    default:
      return [what, "without it the run would save"];
  }
}
