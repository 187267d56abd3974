import { createRng, type Rng } from "../../core/index.ts";
import type { SweepSpec } from "./sweep.ts";

/** A key that a sweep varies. */
interface VariedKey {
  readonly path: readonly [string] | readonly [string, string];
  /** In the names of jobs. */
  readonly short: string;
  readonly isWhole?: true;
}

/** In the order in which a grid goes through them, the last the fastest, and random points are drawn. */
const KEYS: readonly VariedKey[] = [
  { path: ["adapter", "rank"], short: "rank", isWhole: true },
  { path: ["adapter", "alpha"], short: "alpha" },
  { path: ["adapter", "dropout"], short: "dropout" },
  { path: ["optimizer", "learningRate"], short: "lr" },
  { path: ["optimizer", "weightDecay"], short: "decay" },
  { path: ["optimizer", "maxGradNorm"], short: "clip" },
  { path: ["loss", "beta"], short: "beta" },
  { path: ["loss", "gamma"], short: "gamma" },
  { path: ["batchSize"], short: "batch", isWhole: true },
  { path: ["cutoffLength"], short: "cutoff", isWhole: true },
  { path: ["seed"], short: "seed", isWhole: true },
];

interface Range {
  readonly min: number;
  readonly max: number;
  readonly scale: "linear" | "log";
}
type Ways = readonly number[] | Range;

/** A value of each key that a sweep varies. */
export interface SweepPoint {
  /** "rank8-lr0.0003" */
  readonly name: string;
  readonly values: readonly { readonly path: VariedKey["path"]; readonly value: number }[];
}

/** The keys that a mapping varies, with their values or ranges. */
function waysOf(
  varied: Readonly<Record<string, unknown>>,
): readonly { readonly key: VariedKey; readonly ways: Ways }[] {
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

/** With three digits where it need not be whole, so that a name says just what the value is. */
function drawn({ isWhole }: VariedKey, ways: Ways, rng: Rng): number {
  if (!("min" in ways)) return ways[rng.nextInt(ways.length)]!;
  const { min, max, scale } = ways;
  const share = rng.nextFloat();
  const value = scale === "log" ? min * (max / min) ** share : min + share * (max - min);
  return Math.min(max, Math.max(min, isWhole ? Math.round(value) : Number(value.toPrecision(3))));
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

function randomPoints({ count, seed, over }: NonNullable<SweepSpec["random"]>): readonly SweepPoint[] {
  const rng = createRng(seed);
  const points = new Map<string, SweepPoint>();
  for (let draw = 0; draw < MOST_DRAWS * count && points.size < count; draw += 1) {
    const point = pointOf(waysOf(over).map(({ key, ways }) => ({ key, value: drawn(key, ways, rng) })));
    if (!points.has(point.name)) points.set(point.name, point);
  }
  return [...points.values()];
}

/** The points of a sweep, the same each time: at most as many as it asks for, where there are not so many. */
export function sweepPoints({ grid, random }: SweepSpec): readonly SweepPoint[] {
  return grid === undefined ? randomPoints(random!) : gridPoints(grid);
}
