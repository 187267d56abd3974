import type { CostError, CostErrors } from "../calibration/index.ts";
import { createRng, type Rng } from "../core/index.ts";
import {
  type ActionDurations,
  type CostModel,
  PASSES,
  type Pass,
  type PlanBody,
  type ResolvedLink,
} from "../plan/index.ts";
import type { RunTimes } from "./run/run-plan.ts";
import { actionIndex } from "./run/stage-orders.ts";

/**
 * The machine as a whole, and each letter on each device or type, have half of the variance each: a hold-out cannot
 * tell them apart.
 */
const SHARE = Math.SQRT1_2;

/** A log-normal factor with mean 1: fits keep sums, so noise of single actions must not move them. */
function noiseFactor({ independent }: CostError, rng: Rng): number {
  const deviation = Math.sqrt(Math.log1p(independent * independent));
  return Math.exp(deviation * rng.nextNormal() - (deviation * deviation) / 2);
}

/** A log-normal factor with median 1, since an error of fit is as likely up as down. */
function sharedFactor({ systematic }: CostError, machine: number, rng: Rng): number {
  return Math.exp(systematic * SHARE * (machine + rng.nextNormal()));
}

/** A factor for the times of each pass. */
function letterFactors({ actions }: CostErrors, machine: number, rng: Rng): readonly number[] {
  return PASSES.map((letter) => sharedFactor(actions[letter], machine, rng));
}

function linkFactor({ links }: CostErrors, rng: Rng): number {
  return Math.exp(links * rng.nextNormal());
}

/** What all times of one run that might be have in common, on devices of one type over links of one kind. */
export interface SharedFactors {
  readonly actions: Readonly<Record<Pass, number>>;
  readonly links: number;
}

/** The factors of the run that `sampleTimes` draws with this seed, where errors are of types of devices. */
export function sharedFactors(errors: CostErrors, seed: number | string): SharedFactors {
  const rng = createRng(seed);
  const [F, B, U] = letterFactors(errors, rng.nextNormal(), rng) as [number, number, number];
  return { actions: { F, B, U }, links: linkFactor(errors, rng) };
}

/** What times of one run that might be have in common. */
export interface DrawnFactors {
  /** Of each stage, one pass after another. */
  readonly actions: readonly number[];
  /** By link. */
  readonly links: ReadonlyMap<string, number>;
}

/** Numbers are drawn in a fixed order, before those of single actions. */
export function drawFactors(
  { stages, devices, links }: Pick<PlanBody, "stages" | "devices" | "links">,
  errors: CostErrors,
  rng: Rng,
): DrawnFactors {
  const machine = rng.nextNormal();
  const known = new Map<string, readonly number[]>();
  const actions = stages.flatMap(({ device }) => {
    const owner = devices[device]![errors.of === "type" ? "type" : "name"];
    const factors = known.get(owner) ?? letterFactors(errors, machine, rng);
    known.set(owner, factors);
    return factors;
  });
  const ofLinks = new Map<string, number>();
  for (const link of links) if (link !== null && !ofLinks.has(link.id)) ofLinks.set(link.id, linkFactor(errors, rng));
  return { actions, links: ofLinks };
}

/**
 * The times of one run that might be: what a cost model says, times factors as large as its errors. Numbers are drawn
 * in a fixed order, whatever the run asks for first.
 */
export function sampleTimes(
  plan: PlanBody,
  predicted: ActionDurations,
  links: Pick<CostModel, "linkCost">,
  errors: CostErrors,
  seed: number | string,
): Pick<RunTimes, "links" | "action"> {
  const rng = createRng(seed);
  const numMicroBatches = plan.microBatches.length;
  const shared = drawFactors(plan, errors, rng);
  const factors = new Float64Array(plan.stages.length * PASSES.length * numMicroBatches);
  for (const [cell, factor] of shared.actions.entries()) {
    const error = errors.actions[PASSES[cell % PASSES.length]!];
    const isNoisy = error.independent > 0;
    for (let at = cell * numMicroBatches; at < (cell + 1) * numMicroBatches; at += 1)
      factors[at] = isNoisy ? factor * noiseFactor(error, rng) : factor;
  }
  const linkCost = (link: ResolvedLink) => {
    const factor = shared.links.get(link.id)!;
    const { latencySeconds, bytesPerSecond } = links.linkCost(link);
    return {
      latencySeconds: latencySeconds * factor,
      bytesPerSecond: bytesPerSecond === null ? null : bytesPerSecond / factor,
    };
  };
  return {
    links: { linkCost },
    action: (stage, letter, microBatch) =>
      Math.round(
        predicted(stage, letter, microBatch) * factors[actionIndex(stage, letter, microBatch, numMicroBatches)]!,
      ) as ReturnType<ActionDurations>,
  };
}
