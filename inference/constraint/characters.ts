// Characters as they stand in a JSON string: UTF-8, with escapes.
import type { Network, Part } from "./network.ts";

/** Code points from low to high. */
export type CodeRange = readonly [low: number, high: number];

export const MOST_CODE = 0x10ffff;

type Ranges = readonly (readonly [low: number, high: number])[];

/** Ranges in order that do not touch. */
export function joined(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const all: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else all.push([low, high]);
  }
  return all;
}

/** All other code points. */
export function inverse(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const all: CodeRange[] = [];
  let next = 0;
  for (const [low, high] of joined(ranges)) {
    if (low > next) all.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= MOST_CODE) all.push([next, MOST_CODE]);
  return all;
}

/**
 * Sequences of byte ranges that are the UTF-8 of a range of code points, without surrogates in it.
 * Source: the utf8-ranges crate, after Russ Cox, "Regular Expression Matching in the Wild".
 */
function utf8Ranges(low: number, high: number): readonly Ranges[] {
  const split = (at: number): readonly Ranges[] => [...utf8Ranges(low, at), ...utf8Ranges(at + 1, high)];
  for (const limit of [0x7f, 0x7ff, 0xffff]) if (low <= limit && limit < high) return split(limit);
  for (let size = 64; size <= 64 ** 3 && high > 0x7f; size *= 64) {
    if (Math.floor(low / size) === Math.floor(high / size)) continue;
    if (low % size !== 0) return split(low - (low % size) + size - 1);
    if (high % size !== size - 1) return split(high - (high % size) - 1);
  }
  const [first, last] = [low, high].map((code) => [...Buffer.from(String.fromCodePoint(code))]);
  return [first!.map((byte, index) => [byte, last![index]!] as const)];
}

/** Of control characters, their short escapes. */
const SHORT = new Map([...'\b\t\n\f\r"\\'].map((character) => [character.charCodeAt(0), JSON.stringify(character)]));
/** Characters that stand in a string only as escapes; surrogates stand in none. */
const ESCAPED: readonly CodeRange[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];
const SURROGATES: CodeRange = [0xd800, 0xdfff];

/** One character of a set, as it stands in a JSON string. */
export function characterOf(network: Network, set: readonly CodeRange[]): Part {
  const own = joined(set);
  const escaped = ESCAPED.flatMap(([low, high]) => Array.from({ length: high - low + 1 }, (_, index) => low + index));
  const has = (code: number): boolean => own.some(([low, high]) => code >= low && code <= high);
  const plain = inverse([...inverse(own), ...ESCAPED, SURROGATES]);
  return network.choice([
    ...plain.flatMap(([low, high]) => utf8Ranges(low, high)).map((ranges) => network.ranges(ranges)),
    ...escaped.filter(has).map((code) => {
      const text = SHORT.get(code) ?? JSON.stringify(String.fromCharCode(code));
      return network.text(text.slice(1, -1));
    }),
  ]);
}

const byte = (character: string): number => character.charCodeAt(0);
const HEX: readonly CodeRange[] = [
  [byte("0"), byte("9")],
  [byte("a"), byte("f")],
  [byte("A"), byte("F")],
];

/** Any character, also as an escape that it needs not. */
export function anyCharacter(network: Network): Part {
  const oneOf = (ranges: readonly CodeRange[]): Part => network.choice(ranges.map((range) => network.ranges([range])));
  const letters = (text: string): Part => oneOf([...text].map((each) => [byte(each), byte(each)]));
  const hex = oneOf(HEX);
  const d = letters("dD");
  // Of a pair of surrogates both have to be there.
  const first = network.sequence([d, letters("89abAB"), hex, hex]);
  const second = network.sequence([network.text("\\u"), d, letters("cdefCDEF"), hex, hex]);

  const single = network.choice([
    network.sequence([letters("0123456789abcefABCEF"), hex, hex, hex]),
    network.sequence([d, letters("01234567"), hex, hex]),
  ]);
  const unicode = network.choice([single, network.sequence([first, second])]);
  return network.choice([
    characterOf(network, [[0x20, MOST_CODE]]),
    network.sequence([
      network.text("\\"),
      network.choice([letters("/bfnrt"), network.sequence([network.text("u"), unicode])]),
    ]),
  ]);
}
