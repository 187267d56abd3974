import { DeviceError } from "../../core/index.ts";
import type { Extent } from "./loops.ts";

export interface Sample {
  readonly extent: Extent;
  readonly value: number;
}

/** The product of the sizes that a term such as `tokens hidden` names; `1` is one. */
function termAt(term: string, extent: Extent): bigint {
  return term
    .split(" ")
    .filter((name) => name !== "1")
    .reduce((product, name) => product * BigInt(extent[name as keyof Extent]), 1n);
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** x of the square system [matrix | right] as numerators over one denominator, exact. Bareiss 1968. */
function solve(
  system: bigint[][],
  what: string,
): { readonly numerators: readonly bigint[]; readonly denominator: bigint } {
  const count = system.length;
  let before = 1n;
  for (let k = 0; k < count; k += 1) {
    const pivot = system.findIndex((row, i) => i >= k && row[k] !== 0n);
    if (pivot < 0) throw new DeviceError({ expected: "sizes that tell all terms apart", at: what, got: "too few" });
    [system[k], system[pivot]] = [system[pivot]!, system[k]!];
    const top = system[k]!;
    for (const [i, row] of system.entries()) {
      if (i === k) continue;
      const factor = row[k]!;
      for (let j = 0; j <= count; j += 1) row[j] = (row[j]! * top[k]! - factor * top[j]!) / before;
    }
    before = top[k]!;
  }
  return { numerators: system.map((row) => row[count]!), denominator: before };
}

/**
 * The polynomial of the given terms that comes nearest to the samples, as a function of sizes, rounded to whole numbers:
 * least squares in whole numbers of any length, so that one which goes through all samples is found exactly.
 * @throws DeviceError when the samples leave a term open.
 */
export function fitTerms(
  terms: readonly string[],
  samples: readonly Sample[],
  what: string,
): (extent: Extent) => number {
  const rows = samples.map(({ extent }) => terms.map((term) => termAt(term, extent)));
  const dot = (i: number, right: (row: number) => bigint): bigint =>
    rows.reduce((total, row, sample) => total + row[i]! * right(sample), 0n);
  const system = terms.map((_, i) => [
    ...terms.map((_other, j) => dot(i, (sample) => rows[sample]![j]!)),
    dot(i, (sample) => BigInt(samples[sample]!.value)),
  ]);
  const { numerators, denominator } = solve(system, what);
  return (extent) => {
    const total = terms.reduce((sum, term, i) => sum + numerators[i]! * termAt(term, extent), 0n);
    const half = absolute(denominator) / 2n;
    return Number((total * (denominator < 0n ? -1n : 1n) + half) / absolute(denominator));
  };
}
