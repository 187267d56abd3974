// How many steps of each job are simulated for an estimate. The page knows it without the planner.
import { numDevices, type Scene } from "./scene.ts";

/** Actions that are planned and simulated in some milliseconds. */
const ACTIONS = 200;

/** Actions that are searched for a plan in some tenths of a second; the most where a job would have too few steps. */
const SEARCHED_ACTIONS = { least: 400, most: 2000 } as const;
/** Steps that stand for all of a job. */
const TYPICAL_STEPS = 6;
/** By so much more a job may have of its steps than another one. */
const UNEVEN = 0.03;
/** Shares of the steps that are tried, up to how many times the least. */
const SHARES = Array.from({ length: 17 }, (_, index) => 1 + (3 * index) / 16);

/** About how many actions the plan of a scene has. */
function numActions(scene: Scene): number {
  return scene.jobs.reduce((sum, { copies, steps, batchSize, microBatchSize }) => {
    const parts = batchSize / (microBatchSize === 0 ? Math.min(batchSize, 4) : microBatchSize);
    return sum + copies * steps * (2 * parts + 1) * numDevices(scene);
  }, 0);
}

/** A share of each job's steps, at least one. */
export function countOf(steps: number, share: number): number {
  return Math.min(steps, Math.max(1, Math.round(share * steps)));
}

/** The share of the steps with which each job keeps its part of the work, and a plan is found soon. */
export function searchedShare(scene: Scene): number {
  const { least, most } = SEARCHED_ACTIONS;
  const actions = numActions(scene);
  const steps = scene.jobs.map((kind) => kind.steps);
  const longest = Math.max(...steps);
  const wanted = Math.max(1 / Math.min(...steps), TYPICAL_STEPS / longest);
  const from = Math.max(2 / longest, least / actions, Math.min(wanted, most / actions));
  const unevenness = (share: number): number => {
    const shares = steps.map((own) => countOf(own, share) / own);
    return Math.max(...shares) / Math.min(...shares) - 1;
  };
  const shares = SHARES.map((factor) => ({ share: factor * from, by: unevenness(factor * from) }));
  return (shares.find(({ by }) => by <= UNEVEN) ?? [...shares].sort((a, b) => a.by - b.by)[0]!).share;
}

/** The share of the steps that is planned in some milliseconds. */
export function quickShare(scene: Scene): number {
  return Math.min(1, ACTIONS / numActions(scene));
}

/** Of the steps, what is searched twice over while the whole run would be there as soon. */
const MOST_SHARE = 0.25;

/** Whether a nearer estimate is there sooner than the whole run. */
export function isLong(scene: Scene): boolean {
  return searchedShare(scene) <= MOST_SHARE;
}
