import { createRng, type Rng } from "../../core/index.ts";
import type { SweepSpec } from "./sweep.ts";

/** A key that a sweep varies. */
export interface VariedKey {
  readonly path: readonly [string] | readonly [string, string];
  /** In the names of jobs. */
  readonly short: string;
  readonly isWhole?: true;
  /** Whether memory is planned by its largest value. */
  readonly isSize?: true;
}

/** In the order in which a grid goes through them, the last the fastest, and random points are drawn. */
const KEYS: readonly VariedKey[] = [
  { path: ["adapter", "rank"], short: "rank", isWhole: true, isSize: true },
  { path: ["adapter", "alpha"], short: "alpha" },
  { path: ["adapter", "dropout"], short: "dropout" },
  { path: ["optimizer", "learningRate"], short: "lr" },
  { path: ["optimizer", "weightDecay"], short: "decay" },
  { path: ["optimizer", "maxGradNorm"], short: "clip" },
  { path: ["loss", "beta"], short: "beta" },
  { path: ["loss", "gamma"], short: "gamma" },
  { path: ["batchSize"], short: "batch", isWhole: true, isSize: true },
  { path: ["cutoffLength"], short: "cutoff", isWhole: true, isSize: true },
  { path: ["seed"], short: "seed", isWhole: true },
];

export interface Range {
  readonly min: number;
  readonly max: number;
  readonly scale: "linear" | "log";
}
/** Values of a key, or between which they lie. */
export type Ways = readonly number[] | Range;

/** A key, and what it may be. */
export interface VariedWays {
  readonly key: VariedKey;
  readonly ways: Ways;
}

/** A value of each key that a sweep varies. */
export interface SweepPoint {
  /** "rank8-lr0.0003" */
  readonly name: string;
  readonly values: readonly { readonly path: VariedKey["path"]; readonly value: number }[];
}

/** The keys that a mapping varies, with their values or ranges. */
export function waysOf(varied: Readonly<Record<string, unknown>>): readonly VariedWays[] {
  return KEYS.flatMap((key) => {
    const [outer, inner] = key.path;
    const own = varied[outer];
    const ways = inner === undefined ? own : (own as Readonly<Record<string, unknown>> | undefined)?.[inner];
    return ways === undefined ? [] : [{ key, ways: ways as Ways }];
  });
}

function pointOf(values: readonly { readonly key: VariedKey; readonly value: number }[]): SweepPoint {
  return {
    name: values.map(({ key, value }) => `${key.short}${value}`).join("-"),
    values: values.map(({ key, value }) => ({ path: key.path, value })),
  };
}

/** The value at a share of a range, from 0 to 1: with three digits where it need not be whole, so that names can say it. */
export function valueAt({ isWhole }: VariedKey, { min, max, scale }: Range, share: number): number {
  const value = scale === "log" ? min * (max / min) ** share : min + share * (max - min);
  return Math.min(max, Math.max(min, isWhole ? Math.round(value) : Number(value.toPrecision(3))));
}

/** Where in a range a value is, from 0 to 1. */
export function shareOf({ min, max, scale }: Range, value: number): number {
  return scale === "log" ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min);
}

export function drawn(key: VariedKey, ways: Ways, rng: Rng): number {
  return "min" in ways ? valueAt(key, ways, rng.nextFloat()) : ways[rng.nextInt(ways.length)]!;
}

/** How many points a grid has. */
export function gridSize(grid: NonNullable<SweepSpec["grid"]>): number {
  return waysOf(grid).reduce((size, { ways }) => size * (ways as readonly number[]).length, 1);
}

function gridPoints(grid: NonNullable<SweepSpec["grid"]>): readonly SweepPoint[] {
  const none: readonly { readonly key: VariedKey; readonly value: number }[] = [];
  return waysOf(grid)
    .reduce(
      (points, { key, ways }) =>
        points.flatMap((point) => (ways as readonly number[]).map((value) => [...point, { key, value }])),
      [none],
    )
    .map(pointOf);
}

/** Draws that are tried for each point, since no two are alike. */
const MOST_DRAWS = 100;

type Drawn = Pick<NonNullable<SweepSpec["random"]>, "count" | "seed" | "over">;

function randomPoints({ count, seed, over }: Drawn): readonly SweepPoint[] {
  const rng = createRng(seed);
  const points = new Map<string, SweepPoint>();
  for (let draw = 0; draw < MOST_DRAWS * count && points.size < count; draw += 1) {
    const point = pointOf(waysOf(over).map(({ key, ways }) => ({ key, value: drawn(key, ways, rng) })));
    if (!points.has(point.name)) points.set(point.name, point);
  }
  return [...points.values()];
}

/**
 * The points of a search by a model as they are planned: nobody knows the values of later ones, which are drawn as well.
 * The last has the largest sizes, so that there is room for all that may come. Named by their numbers.
 */
function modelPoints(model: NonNullable<SweepSpec["model"]>): readonly SweepPoint[] {
  const largest = new Map(
    waysOf(model.over).flatMap(({ key, ways }) =>
      key.isSize === true ? [[key.path.join(), "min" in ways ? ways.max : Math.max(...ways)] as const] : [],
    ),
  );
  const points = randomPoints(model);
  return points.map(({ values }, index) => ({
    name: `${index + 1}`,
    values:
      index < points.length - 1
        ? values
        : values.map(({ path, value }) => ({ path, value: largest.get(path.join()) ?? value })),
  }));
}

/** The points of a sweep, the same each time: at most as many as it asks for, where there are not so many. */
export function sweepPoints({ grid, random, model }: SweepSpec): readonly SweepPoint[] {
  if (model !== undefined) return modelPoints(model);
  return grid === undefined ? randomPoints(random!) : gridPoints(grid);
}
