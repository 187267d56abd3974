import { binomialAtMost, shareBounds } from "../core/index.ts";

/** How sure bounds of shares are that are told, each of them by itself. */
export const CONFIDENCE = 0.95;

/**
 * How sure a bound is taken where there may be more rounds. Draws stop when their share says enough, and such a share is
 * further from the truth than one of a fixed number of draws. A bound that is taken so holds in 95 of 100 simulations.
 */
const OF_ROUNDS = 0.97;

const sureOf = ({ round, most }: Pick<JudgeRule, "round" | "most">): number => (most > round ? OF_ROUNDS : CONFIDENCE);

/** Within a round, where it is looked at after each draw, a miss has to be surer. */
const EARLY_DOUBT = 1e-3;

/** When enough draws of a candidate have been seen. */
export interface JudgeRule {
  /** The share of draws in which the level is to be kept. */
  readonly probability: number;
  /** Of each candidate at least, unless it misses the level for sure before; more are added so many at a time. */
  readonly round: number;
  /** Of each candidate at most: a multiple of a round. */
  readonly most: number;
}

/** Of some draws, those in which a level may be missed that is to be kept in a share of them. */
export function mostMissed(draws: number, probability: number): number {
  return Math.floor(draws * (1 - probability) + 1e-9);
}

/** Whether no more draws are needed to say that a candidate misses the level that kept it in so many. */
export function surelyMisses(kept: number, draws: number, rule: JudgeRule): boolean {
  const { probability, round, most } = rule;
  if (draws - kept > mostMissed(most, probability)) return true;
  if (kept >= probability * draws) return false;
  const doubt = draws % round === 0 ? 1 - sureOf(rule) : EARLY_DOUBT;
  // With the most draws their share decides.
  return most > draws && binomialAtMost(kept, draws, probability) < doubt;
}

function surelyKeeps(kept: number, draws: number, rule: JudgeRule): boolean {
  return kept > 0 && 1 - binomialAtMost(kept - 1, draws, rule.probability) <= 1 - sureOf(rule);
}

export interface Judgement {
  readonly meets: boolean;
  /** Draws that were seen, and those of them that kept the level. */
  readonly draws: number;
  readonly kept: number;
}

/**
 * Sees draw after draw until it is known whether a candidate keeps the level: where one bound of its share says so, or
 * by its share of the most draws. It is known of one that keeps it only at the end of a round, so that all of them have
 * the same draws there.
 */
export function judgeBy(rule: JudgeRule, isKept: (draw: number) => boolean): Judgement {
  const { round, most, probability } = rule;
  let [draws, kept] = [0, 0];
  for (; draws < most && !surelyMisses(kept, draws, rule); draws += 1) {
    if (draws > 0 && draws % round === 0 && surelyKeeps(kept, draws, rule)) break;
    if (isKept(draws)) kept += 1;
  }
  const meets = !surelyMisses(kept, draws, rule) && draws - kept <= mostMissed(draws, probability);
  return { meets, draws, kept };
}

/** How sure a share of draws is. */
export function surety({ kept, draws }: { readonly kept: number; readonly draws: number }, rule: JudgeRule) {
  const { probability } = rule;
  const { atLeast, atMost } = shareBounds(kept, draws, sureOf(rule));
  return {
    kept,
    draws,
    keptAtLeast: atLeast,
    keptAtMost: atMost,
    isSure: atLeast >= probability || atMost < probability,
  };
}
