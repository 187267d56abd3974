import { counted } from "../../core/index.ts";
import type { Plan } from "../../plan/index.ts";
import type { TraceStream } from "../trace.ts";
import { differenceByCause, type RunDifference } from "./cause-difference.ts";
import { causeText } from "./causes.ts";
import { criticalPath, type PathCause, pathCauses } from "./critical-path.ts";
import { type RunCauses, runCauses } from "./run-causes.ts";
import { WaitingRun } from "./waiting-run.ts";

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

function wayFacts({ plan, trace }: PlannedRun, run: WaitingRun): WayFacts {
  const { hash, schedule, pipelines, groups } = plan;
  return {
    planHash: hash,
    schedule,
    numPipelines: pipelines.length,
    numGroups: groups.length,
    criticalPath: pathCauses(criticalPath(plan, trace, run), trace.devices),
  };
}

/** Compares two ways by what their time goes to. */
export function compareWays(one: PlannedRun, other: PlannedRun): ComparedWays {
  const seen = (planned: PlannedRun): readonly [WayFacts, RunCauses] => {
    const { plan, trace } = planned;
    const run = new WaitingRun(plan, trace);
    return [wayFacts(planned, run), runCauses(plan, trace, run)];
  };
  const [[mine, causes], [its, otherCauses]] = [seen(one), seen(other)];
  return { ways: [mine, its], ...differenceByCause(causes, otherCauses) };
}

/** "lorapp, 2 pipelines, 3 groups" */
export function wayText({ schedule, numPipelines, numGroups }: WayFacts): string {
  return `${schedule}, ${counted(numPipelines, "pipeline")}, ${counted(numGroups, "group")}`;
}

/** What would shorten a run: the cause, and what of it would be less. */
export function shorteningText({ cause, device }: PathCause): readonly [what: string, how: string] {
  const what = `${causeText({ cause })}${device === null ? "" : ` on ${device}`}`;
  if (cause === "transfer") return [what, "links twice as fast would save"];
  return [what, device === null ? "without it the run would save" : "a device twice as fast would save"];
}
