import { maximum } from "../../core/index.ts";
import { LEAST_HALVES, numHalvesOf } from "../actions/stage-layers.ts";
import type { Stage } from "../documents/setting.ts";
import type { Candidate, Trial } from "./candidate.ts";
import { recomputationRange } from "./judge.ts";
import { fits, leastRecomputed, makespanOf, settle } from "./limits.ts";
import { stageOfHalves } from "./partition.ts";

/** Stages of other lengths have to save so much of the time. */
const LEAST_GAIN = 0.001;

/** Layers that are moved at most, and stages that each is tried on. */
const MOVES = 12;
const TARGETS = 3;

/**
 * The stages with some halves of layers moved from one to another, and those between them shifted; with as little
 * recomputation as can be asked for, since a calibration may know no other.
 */
function withMoved(
  { request: { recompute } }: Candidate,
  stages: readonly Stage[],
  halves: number,
  [from, to]: readonly [number, number],
): Stage[] {
  const lengths = stages.map(numHalvesOf);
  lengths[from]! -= halves;
  lengths[to]! += halves;
  let next = 0;
  return stages.map((_, index) => {
    const start = next;
    next += lengths[index]!;
    const stage = stageOfHalves(index, stages.length, start, next);
    return { ...stage, recomputedLayers: recomputationRange(recompute, stage)[0] };
  });
}

/** Nanoseconds that each stage computes. */
function busyStages(candidate: Candidate, stages: readonly Stage[]): readonly number[] {
  const busyOn = candidate.busyOn(stages);
  return stages.map((_, stage) => busyOn(stage));
}

/**
 * The fastest with some halves of layers moved from the slowest stage to one of the least busy ones; undefined where
 * none fits in `mostNs`. Recomputation lengthens them further: one that takes too long is not looked into.
 */
function moved(candidate: Candidate, { ordered }: Trial, halves: number, mostNs: number): Trial | undefined {
  const { draft, limits } = ordered;
  const busyNs = busyStages(candidate, draft.stages);
  const slowest = busyNs.indexOf(maximum(busyNs));
  if (numHalvesOf(draft.stages[slowest]!) < LEAST_HALVES + halves) return undefined;
  const others = busyNs
    .map((_, stage) => stage)
    .filter((stage) => stage !== slowest)
    .sort((a, b) => busyNs[a]! - busyNs[b]!)
    .slice(0, TARGETS);
  return others
    .map((to) => withMoved(candidate, draft.stages, halves, [slowest, to]))
    .filter((stages) => maximum(busyStages(candidate, stages)) <= mostNs)
    .map((stages) => leastRecomputed(candidate, limits, stages))
    .filter((trial) => makespanOf(trial) <= mostNs)
    .map((trial) => settle(candidate, trial))
    .filter((trial) => makespanOf(trial) <= mostNs && fits(trial))
    .sort((a, b) => makespanOf(a) - makespanOf(b))[0];
}

/**
 * Moves layers, else halves of them, from the slowest stage, which recomputation and rows may have made so, while that
 * saves time.
 */
export function rebalanced(candidate: Candidate, settled: Trial): Trial {
  const { layersPerStage, calibration } = candidate.request;
  if (layersPerStage !== undefined) return settled;
  const sizes = calibration.model === "constant" ? [2] : [2, 1];
  let best = settled;
  for (let round = 0; round < MOVES; round += 1) {
    const most = makespanOf(best) * (1 - LEAST_GAIN);
    let next: Trial | undefined;
    for (const halves of sizes) {
      next = moved(candidate, best, halves, most);
      if (next !== undefined) break;
    }
    if (next === undefined) break;
    best = next;
  }
  return best;
}
