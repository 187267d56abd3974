import type { ConsideredWay } from "../plan/index.ts";
import { numDevices, numJobs, type Scene } from "./scene.ts";

/** What an estimate takes over of a way, where the scene leaves it open. */
function choiceOf(way: ConsideredWay, { schedule, pipelines, groups }: Scene): string {
  return [
    schedule === "auto" ? way.schedule : schedule,
    pipelines === "auto" ? way.numPipelines : pipelines,
    groups === "auto" ? way.isShared : groups,
  ].join(" ");
}

/**
 * Ways that may be the best after a change of the scene, beside the first of `ways`, which the last plan chose: the next
 * one that it looked at, all devices in one pipeline, with two adapters in a group or every one alone, and a pipeline for
 * each device.
 */
export function otherWays(ways: readonly ConsideredWay[], scene: Scene): readonly ConsideredWay[] {
  const [best] = ways;
  if (best === undefined) return [];
  const alone = { ...best, schedule: "lorapp", isShared: false } as const;
  const known = new Set([choiceOf(best, scene)]);
  const isNew = (way: ConsideredWay): boolean => {
    const choice = choiceOf(way, scene);
    if (known.has(choice)) return false;
    known.add(choice);
    return true;
  };
  const next = ways.find((way) => way.seconds !== null && choiceOf(way, scene) !== choiceOf(best, scene));
  const candidates = [
    ...(next === undefined ? [] : [next]),
    { ...alone, numPipelines: 1, isShared: true, numGroups: Math.ceil(numJobs(scene) / 2) },
    { ...alone, numPipelines: 1 },
    { ...alone, numPipelines: numDevices(scene) },
  ];
  return candidates.filter(isNew);
}
