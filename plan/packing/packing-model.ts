import { longestOf, type Packing, type PackingProblem } from "./pack-rows.ts";

function variable(row: number, part: number): string {
  return `x${row}_${part}`;
}

/** Micro-batches that a row can be in: which of them is the first does not matter, so the i-th row is in one of i. */
function partsOf(row: number, count: number): readonly number[] {
  return Array.from({ length: Math.min(count, row + 1) }, (_, part) => part);
}

/** Lines of a sum, which the format wants short. */
function sumText(terms: readonly string[]): string {
  return terms.join("\n + ");
}

/**
 * The packing of rows into so many micro-batches with the least longest one, as an integer program in the LP format:
 * x(row, part) is 1 where a row is in a part, and m is the longest part, from `least` to `most` tokens.
 */
export function packingModel({ lengths }: PackingProblem, count: number, least: number, most: number): string {
  const rows = lengths.map((_, row) => row);
  const once = rows.map((row) => `r${row}: ${sumText(partsOf(row, count).map((part) => variable(row, part)))} = 1`);
  const held = Array.from({ length: count }, (_, part) => {
    const terms = rows.filter((row) => part <= row).map((row) => `${lengths[row]} ${variable(row, part)}`);
    return `c${part}: ${sumText(terms)} - m <= 0`;
  });
  const binary = rows.flatMap((row) => partsOf(row, count).map((part) => variable(row, part)));
  return [
    "Minimize",
    "obj: m",
    "Subject To",
    ...once,
    ...held,
    "Bounds",
    `${least} <= m <= ${most}`,
    "General",
    "m",
    "Binary",
    ...binary,
    "End",
  ].join("\n");
}

/**
 * The packing that a solver's values of the model's variables say, looked at by ourselves: every row once, no more
 * micro-batches and none longer than before, the longest shorter. Undefined where it is not better.
 */
export function betterPacking(
  problem: PackingProblem,
  before: Packing,
  value: (variable: string) => number,
): Packing | undefined {
  const packing = before.map((): number[] => []);
  for (const row of problem.lengths.keys()) {
    const parts = partsOf(row, before.length).filter((part) => Math.abs(value(variable(row, part)) - 1) < 1e-6);
    if (parts.length !== 1) return undefined;
    packing[parts[0]!]!.push(row);
  }
  if (packing.some((rows) => rows.length === 0)) return undefined;
  return longestOf(problem, packing) < longestOf(problem, before) ? packing : undefined;
}
