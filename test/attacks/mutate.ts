import type { Rng } from "../../core/index.ts";

/** Values that a careful reader refuses, or that mean nothing. */
export const HOSTILE: readonly unknown[] = [
  -1,
  0,
  1.5,
  1e308,
  2 ** 31,
  2 ** 40,
  2 ** 53,
  "",
  "constructor",
  "__proto__",
  "toString",
  "../../../../etc/passwd",
  "\u0000",
  "x".repeat(20_000),
  null,
  true,
  [],
  {},
  [[[[1]]]],
  { length: 1e9 },
  Array.from({ length: 2000 }, () => 1e9),
];

type Path = readonly (string | number)[];

/** Every place of a document, containers before what is in them. */
export function placesOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inside = Array.isArray(value)
    ? [...value.entries()].flatMap(([index, each]) => placesOf(each, [...path, index]))
    : Object.entries(value).flatMap(([key, each]) => placesOf(each, [...path, key]));
  return path.length === 0 ? inside : [path, ...inside];
}

/** A copy in which a place has another value, or none. */
export function withValue(value: unknown, [key, ...rest]: Path, other: unknown): unknown {
  if (key === undefined) return other;
  if (Array.isArray(value)) return value.map((each, index) => (index === key ? withValue(each, rest, other) : each));
  const changed = Object.entries(value as object).flatMap(([own, each]) =>
    own !== key
      ? [[own, each] as const]
      : rest.length === 0 && other === undefined
        ? []
        : [[own, withValue(each, rest, other)] as const],
  );
  return Object.fromEntries(changed);
}

export interface Mutation {
  readonly what: string;
  readonly value: unknown;
}

/** So many documents with one hostile value each, or with a place left out; no two are alike. */
export function mutations(
  value: unknown,
  count: number,
  rng: Rng,
  hostile: readonly unknown[] = HOSTILE,
): readonly Mutation[] {
  const places = placesOf(value);
  const made = new Map<string, Mutation>();
  while (made.size < Math.min(count, places.length * hostile.length)) {
    const path = places[rng.nextInt(places.length)]!;
    const at = rng.nextInt(hostile.length + 1);
    const what = `${path.join(".")} = ${at === hostile.length ? "nothing" : JSON.stringify(hostile[at])?.slice(0, 40)}`;
    made.set(what, { what, value: withValue(value, path, hostile[at]) });
  }
  return [...made.values()];
}
