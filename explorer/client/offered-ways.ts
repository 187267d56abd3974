import { counted } from "../../core/index.ts";
import type { SceneAnswer } from "../answer-scene.ts";
import { COMPARED_SCHEDULES, isComparison } from "../comparison.ts";
import type { SceneWay } from "../scene-in-way.ts";
import type { ShownAnswer } from "./shown-answer.ts";

export type Considered = SceneAnswer["ways"][number];

/** A way that can be set beside another. */
export interface OfferedWay {
  readonly name: string;
  readonly way: SceneWay;
  /** What the planner saw of it. */
  readonly considered?: Considered;
}

/** Ways of a plan that are offered: the chosen one and the fastest others. */
export const MOST_WAYS = 8;

/** "lorapp, 2 pipelines" */
export function orderName({ schedule, numPipelines }: Considered): string {
  return `${schedule}, ${counted(numPipelines, "pipeline")}`;
}

function fullName(considered: Considered): string {
  const { numPipelines, numGroups, isShared, jobsAtOnce, microBatchTokens } = considered;
  return [
    orderName(considered),
    `${counted(numGroups, "group")}${numPipelines === 1 ? "" : " each"}${isShared ? ", shared" : ""}`,
    ...(microBatchTokens === null ? [] : [`${microBatchTokens} tokens`]),
    ...(jobsAtOnce === null ? [] : [`${jobsAtOnce} at once`]),
  ].join(", ");
}

/** The ways of a scene, that of the answer first; what does not fit is among them. */
export function offeredWays({
  answer,
  scene: { schedule },
}: Pick<ShownAnswer, "answer" | "scene">): readonly OfferedWay[] {
  const compared = COMPARED_SCHEDULES.filter((name) => name !== schedule).map((name) => ({ name, way: name }));
  if (isComparison(schedule))
    return [{ name: schedule, way: "asked" }, { name: "as the planner chooses", way: "planned" }, ...compared];
  const planned = answer.ways.slice(0, MOST_WAYS).map((considered) => ({
    name: fullName(considered),
    way: considered.state === "chosen" ? ("asked" as const) : considered,
    considered,
  }));
  return [...planned, ...compared];
}

/** Whether it may be simulated. */
export function canOpen({ considered }: OfferedWay): boolean {
  return considered?.state !== "does not fit";
}
