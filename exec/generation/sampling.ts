// The next token from a row's logits. The order is that of transformers: temperature, top-k, top-p, min-p, each on what
// the one before has left. Source: transformers 5.24, generation/logits_process.py.
import { createRng, InputError } from "../../core/index.ts";
import { type Adjustment, checkAdjustment } from "./adjust-logits.ts";

/** How tokens are drawn. */
export interface Sampling extends Adjustment {
  /** Logits are divided by it; 0: the most likely token, and nothing else counts. */
  readonly temperature: number;
  /** Only the k most likely tokens, and those that are as likely as the last of them; 0: all. */
  readonly topK: number;
  /** Only the most likely tokens whose probabilities together reach p; 1: all. */
  readonly topP: number;
  /** Only tokens at least so likely, as a share of the most likely one's probability; 0: all. */
  readonly minP: number;
  /** The token at position t of a row depends on the seed, t and its logits alone. */
  readonly seed: number;
}

export const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };

/** A token that may be drawn, and how likely it is. */
export interface Candidate {
  readonly token: number;
  readonly probability: number;
}

/** @throws InputError for a number that is out of range, at its name */
export function checkSampling({ temperature, topK, topP, minP, seed, ...adjustment }: Sampling): void {
  const check = (at: keyof Sampling, got: number, isRight: boolean, expected: string): void => {
    if (!isRight) throw new InputError({ expected, at, got });
  };
  check("temperature", temperature, temperature >= 0 && temperature <= 1e6, "a number of at least 0");
  check("topK", topK, Number.isSafeInteger(topK) && topK >= 0, "a whole number of at least 0");
  check("topP", topP, topP > 0 && topP <= 1, "a number above 0, at most 1");
  check("minP", minP, minP >= 0 && minP <= 1, "a number from 0 to 1");
  check("seed", seed, Number.isSafeInteger(seed) && seed >= 0, "a whole number of at least 0");
  checkAdjustment(adjustment);
}

/** The highest logit's token; of equal ones the first. NaN is never it. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token]!;
    if (logit > highest) {
      highest = logit;
      best = token;
    }
  }
  return best;
}

/** The k-th highest of the logits, by a heap of the k highest, its lowest in front. */
function kthHighest(logits: Float32Array, k: number): number {
  const heap = new Float32Array(k).fill(Number.NEGATIVE_INFINITY);
  for (const logit of logits) {
    if (!(logit > heap[0]!)) continue;
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= logit) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = logit;
  }
  return heap[0]!;
}

/** The tokens that may be drawn, the most likely first; of equal ones the first. */
export function candidates(logits: Float32Array, { temperature, topK, topP, minP }: Sampling): readonly Candidate[] {
  const best = mostLikely(logits);
  if (temperature === 0) return [{ token: best, probability: 1 }];
  const least = topK > 0 && topK < logits.length ? kthHighest(logits, topK) : Number.NEGATIVE_INFINITY;
  const top = logits[best]!;
  const kept: { token: number; weight: number }[] = [];
  let total = 0;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token]!;
    if (!(logit >= least)) continue;
    const weight = Math.exp((logit - top) / temperature);
    if (weight === 0) continue;
    kept.push({ token, weight });
    total += weight;
  }
  let left = kept;
  if (topP < 1 || minP > 0) {
    left = kept.sort((a, b) => b.weight - a.weight || a.token - b.token);
    if (topP < 1) {
      let before = 0;
      // A token stays while those before it have not reached p.
      const end = left.findIndex(({ weight }, index) => {
        const isOver = index > 0 && before / total >= topP;
        before += weight;
        return isOver;
      });
      if (end > 0) left = left.slice(0, end);
    }
    // The most likely token has weight 1, whatever was left out.
    if (minP > 0) left = left.filter(({ weight }, index) => index === 0 || weight >= minP);
    total = left.reduce((sum, { weight }) => sum + weight, 0);
  }
  return left.map(({ token, weight }) => ({ token, probability: weight / total }));
}

/** The token of a row at position `position`. */
export function nextToken(logits: Float32Array, sampling: Sampling, position: number): number {
  if (sampling.temperature === 0) return mostLikely(logits);
  const all = candidates(logits, sampling);
  let rest = createRng(`${sampling.seed}/token/${position}`).nextFloat();
  for (const { token, probability } of all) {
    rest -= probability;
    if (rest < 0) return token;
  }
  // Rounding has left a little.
  return all.at(-1)!.token;
}
