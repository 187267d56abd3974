import { counted } from "../../core/index.ts";
import type { PlanBody } from "../../plan/index.ts";
import type { TraceStream } from "../trace.ts";
import { differenceByCause, type RunDifference } from "./cause-difference.ts";
import type { CauseTime, RunCauses } from "./cause-sums.ts";
import { causeText } from "./causes.ts";
import { criticalPath, type PathCause, type PathStep, pathCauses, remedyOf } from "./critical-path.ts";
import { runCauses } from "./run-causes.ts";
import { WaitingRun } from "./waiting-run.ts";

/** A plan and its run. */
export interface PlannedRun {
  readonly plan: PlanBody;
  readonly trace: TraceStream;
}

/** One of two ways to train something. */
export interface WayFacts {
  /** Of its plan, or of what it was asked for with where it has none. */
  readonly planHash: string;
  readonly schedule: string;
  /** null for what is simulated only. */
  readonly numPipelines: number | null;
  readonly numGroups: number | null;
  /** What would make its run shorter, the most first. */
  readonly criticalPath: readonly PathCause[];
}

/** A way to train something, and what its time goes to. */
export interface SeenWay {
  readonly facts: WayFacts;
  readonly causes: RunCauses;
  /** What its end waits for, as far as it was asked for. */
  readonly path: readonly PathStep[];
}

/** What a document says of a way's time. */
export interface TimeSpent {
  /** What the time of a device goes to, as the mean over devices; all of the run's. */
  readonly causes: readonly CauseTime[];
  /** What would make the run shorter, the most first. */
  readonly criticalPath: readonly PathCause[];
}

export function timeSpent({ causes, facts }: SeenWay): TimeSpent {
  return { causes: causes.causes, criticalPath: facts.criticalPath };
}

/** Two ways to train something, and why the other takes longer or shorter than the one. */
export interface ComparedWays extends RunDifference {
  readonly ways: readonly [one: WayFacts, other: WayFacts];
}

/** The way of a plan. */
export function planWay({ plan, trace }: PlannedRun): SeenWay {
  const { schedule, pipelines, groups } = plan;
  const run = new WaitingRun(plan, trace);
  const path = criticalPath(plan, trace, run);
  return {
    facts: {
      planHash: trace.planHash,
      schedule,
      numPipelines: pipelines.length,
      numGroups: groups.length,
      criticalPath: pathCauses(path, trace.devices),
    },
    causes: runCauses(plan, trace, run),
    path,
  };
}

/** Compares two ways by what their time goes to. */
export function compareWays(one: SeenWay, other: SeenWay): ComparedWays {
  return { ways: [one.facts, other.facts], ...differenceByCause(one.causes, other.causes) };
}

/** "lorapp, 2 pipelines, 3 groups" */
export function wayText({ schedule, numPipelines, numGroups }: WayFacts): string {
  if (numPipelines === null || numGroups === null) return `${schedule}, simulated only`;
  return `${schedule}, ${counted(numPipelines, "pipeline")}, ${counted(numGroups, "group")}`;
}

/** Of a run, what is told to people. */
const WORTH = 5e-4;

/** What would shorten a run of that length most, as far as it is worth a word. */
export function mostShortening(path: readonly PathCause[], makespanNs: number, most: number): readonly PathCause[] {
  return path.filter(({ ns }) => ns >= WORTH * makespanNs).slice(0, most);
}

/** What would shorten a run: the cause, and what of it would be less. */
export function shorteningText({ cause, device }: PathCause): readonly [what: string, how: string] {
  const what = `${causeText({ cause })}${device === null ? "" : ` on ${device}`}`;
  switch (remedyOf(cause)) {
    case "avoid":
      return [what, "without it the run would save"];
    case "links":
      return [what, "links twice as fast would save"];
    case "device":
      return [what, `${device === null ? "devices" : "a device"} twice as fast would save`];
  }
}
