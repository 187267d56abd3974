import { maximum, sum } from "../../core/index.ts";

/** Rows that are to become micro-batches. */
export interface PackingProblem {
  /** Tokens of each row, none more than the capacity. */
  readonly lengths: readonly number[];
  /** Tokens of a micro-batch at most. */
  readonly capacity: number;
}

/** The rows of each micro-batch, as their places in the problem, ascending. */
export type Packing = readonly (readonly number[])[];

/** Exchanges of rows after which a packing is left as it is, for each row. */
const EXCHANGES = 8;

function tokensOf(lengths: readonly number[], rows: readonly number[]): number {
  return sum(rows.map((row) => lengths[row]!));
}

/** Tokens of the longest micro-batch. */
export function longestOf({ lengths }: PackingProblem, packing: Packing): number {
  return maximum(packing.map((rows) => tokensOf(lengths, rows)));
}

/** No packing into so many micro-batches has a shorter longest one. */
export function leastLongest({ lengths }: PackingProblem, count: number): number {
  return Math.max(maximum(lengths), Math.ceil(sum(lengths) / count));
}

/** Places by length, the longest first. */
function longestFirst(lengths: readonly number[]): readonly number[] {
  return lengths.map((_, row) => row).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
}

/** Each row, the longest first, to the micro-batch with the fewest tokens (Graham 1969). */
function spreadOut(lengths: readonly number[], count: number): number[][] {
  const packing = Array.from({ length: count }, (): number[] => []);
  const tokens = packing.map(() => 0);
  for (const row of longestFirst(lengths)) {
    const least = tokens.indexOf(Math.min(...tokens));
    packing[least]!.push(row);
    tokens[least]! += lengths[row]!;
  }
  return packing;
}

/** Each row, the longest first, to the fullest micro-batch that has room for it. */
function bestFit({ lengths, capacity }: PackingProblem): number[][] {
  const packing: number[][] = [];
  const tokens: number[] = [];
  for (const row of longestFirst(lengths)) {
    let best = -1;
    for (let at = 0; at < packing.length; at += 1)
      if (tokens[at]! + lengths[row]! <= capacity && (best < 0 || tokens[at]! > tokens[best]!)) best = at;
    if (best < 0) best = packing.push([]) - 1;
    packing[best]!.push(row);
    tokens[best] = (tokens[best] ?? 0) + lengths[row]!;
  }
  return packing;
}

/** A row of the longest micro-batch goes to another one, or two are exchanged, as long as that makes the longer shorter. */
function evenOut(lengths: readonly number[], packing: number[][]): void {
  const tokens = packing.map((rows) => tokensOf(lengths, rows));
  for (let left = EXCHANGES * lengths.length; left > 0; left -= 1) {
    const longest = tokens.indexOf(maximum(tokens));
    let best = { gain: 0, other: -1, out: -1, back: -1 };
    for (let other = 0; other < packing.length; other += 1) {
      if (other === longest) continue;
      const difference = tokens[longest]! - tokens[other]!;
      for (const [out, row] of packing[longest]!.entries())
        for (let back = -1; back < packing[other]!.length; back += 1) {
          const moved = lengths[row]! - (back < 0 ? 0 : lengths[packing[other]![back]!]!);
          // What the longer of the two is shorter by.
          const gain = Math.min(moved, difference - moved);
          if (gain > best.gain) best = { gain, other, out, back };
        }
    }
    if (best.other < 0) return;
    const { other, out, back } = best;
    const [row] = packing[longest]!.splice(out, 1);
    const [returned] = back < 0 ? [] : packing[other]!.splice(back, 1);
    packing[other]!.push(row!);
    if (returned !== undefined) packing[longest]!.push(returned);
    tokens[longest] = tokensOf(lengths, packing[longest]!);
    tokens[other] = tokensOf(lengths, packing[other]!);
  }
}

/**
 * As few micro-batches as is found to hold the rows, with the longest as short as is found: the longest rows first, to
 * where there is the most room, or where that does not fit to where there is the least; then rows are exchanged.
 */
export function packGreedily(problem: PackingProblem): Packing {
  const { lengths, capacity } = problem;
  if (lengths.length === 0) return [];
  const tight = bestFit(problem);
  let packing = tight;
  for (let count = Math.ceil(sum(lengths) / capacity); count <= tight.length; count += 1) {
    const spread = spreadOut(lengths, count);
    evenOut(lengths, spread);
    if (longestOf(problem, spread) > capacity) continue;
    packing = spread;
    break;
  }
  if (packing === tight) evenOut(lengths, packing);
  return packing.map((rows) => [...rows].sort((a, b) => a - b));
}
