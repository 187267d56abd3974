import type { Network, Part } from "./network.ts";

/** Digits of a number in front of, and behind its point. */
const MOST_DIGITS = 15;
const MOST_BEHIND = 20;

const ZERO = 48;

export interface NumberRange {
  readonly least: number | undefined;
  readonly most: number | undefined;
}

/** Sequences of digit ranges that are the whole numbers from `low` to `high`, both at least 0. */
function digitRanges(low: number, high: number): readonly (readonly (readonly [number, number])[])[] {
  const split = (at: number): ReturnType<typeof digitRanges> => [...digitRanges(low, at), ...digitRanges(at + 1, high)];
  const longest = 10 ** String(low).length - 1;
  if (high > longest) return split(longest);
  for (let size = 10; size <= high; size *= 10) {
    if (Math.floor(low / size) === Math.floor(high / size)) continue;
    if (low % size !== 0) return split(low - (low % size) + size - 1);
    if (high % size !== size - 1) return split(high - (high % size) - 1);
  }
  const last = String(high);
  return [[...String(low)].map((digit, index) => [ZERO + Number(digit), ZERO + Number(last[index])] as const)];
}

/** Writes both signs of a range. `part`: numbers from `low` to `high`, both at least 0. */
function signed(network: Network, { least, most }: NumberRange, part: (low: number, high: number) => Part): Part {
  const largest = 10 ** MOST_DIGITS - 1;
  const [low, high] = [Math.max(least ?? -largest, -largest), Math.min(most ?? largest, largest)];
  const parts: Part[] = [];
  if (high >= 0) parts.push(part(Math.max(low, 0), high));
  if (low < 0) parts.push(network.sequence([network.text("-"), part(Math.max(-high, 0), -low)]));
  return network.choice(parts);
}

/** Whole numbers of a range of whole numbers. */
export function integerPart(network: Network, range: NumberRange): Part {
  return signed(network, range, (low, high) =>
    network.choice(digitRanges(low, high).map((ranges) => network.ranges(ranges))),
  );
}

/** Numbers of a range between whole numbers, without an exponent where it has an end. */
export function numberPart(network: Network, range: NumberRange): Part {
  const digit = network.ranges([[ZERO, ZERO + 9]]);
  const behind = (each: Part): Part =>
    network.optional(network.sequence([network.text("."), network.repeat(each, 1, MOST_BEHIND)]));
  const whole = (low: number, high: number): Part =>
    network.choice(digitRanges(low, high).map((ranges) => network.ranges(ranges)));
  if (range.least !== undefined || range.most !== undefined)
    return signed(network, range, (low, high) => {
      const last = network.sequence([whole(high, high), behind(network.text("0"))]);
      return high === low ? last : network.choice([network.sequence([whole(low, high - 1), behind(digit)]), last]);
    });
  const sign = network.optional(network.choice([network.text("+"), network.text("-")]));
  const exponent = network.sequence([
    network.choice([network.text("e"), network.text("E")]),
    sign,
    network.repeat(digit, 1, 2),
  ]);
  return network.sequence([
    network.optional(network.text("-")),
    whole(0, 10 ** MOST_DIGITS - 1),
    behind(digit),
    network.optional(exponent),
  ]);
}
