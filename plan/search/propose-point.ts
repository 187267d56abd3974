import { createRng, type Rng, sum } from "../../core/index.ts";
import type { ModelSearchSpec } from "../documents/sweep.ts";
import {
  drawn,
  type Range,
  type SweepPoint,
  shareOf,
  type VariedWays,
  valueAt,
  waysOf,
} from "../documents/sweep-points.ts";

type Values = SweepPoint["values"];

/** A point that has ended, by itself or since it was stopped. */
export interface SeenPoint {
  readonly values: Values;
  /** Its lowest loss; not finite where it diverged. */
  readonly loss: number;
  /** Steps that it has made. */
  readonly steps: number;
}

/** Of the points that have ended the share that counts as good, at least two. */
const GOOD_SHARE = 0.15;
/** Candidates that are drawn among the good ones' neighbours. */
const CANDIDATES = 24;
/** Bells narrower than this part of a range see a point alone. */
const NARROWEST = 0.02;
const WIDEST = 0.25;

/** How likely each value of a key is: a mixture of bells around what was seen, and of all that may be. */
interface Density {
  draw(rng: Rng): number;
  at(value: number): number;
}

function bell(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** In a range, with bells as wide as the larger gap to a neighbour, and one for the range itself. */
function rangeDensity({ key }: VariedWays, range: Range, seen: readonly number[]): Density {
  const places = seen.map((value) => shareOf(range, value)).sort((a, b) => a - b);
  const narrowest = Math.max(NARROWEST, 1 / (2 * (seen.length + 3)));
  const bells = places.map((middle, at) => {
    const gaps = [at - 1, at + 1].flatMap((other) => {
      const place = places[other];
      return place === undefined ? [] : [Math.abs(middle - place)];
    });
    return { middle, width: Math.min(WIDEST, Math.max(narrowest, ...gaps)) };
  });
  const weight = 1 / (bells.length + 1);
  return {
    draw(rng) {
      const chosen = bells[rng.nextInt(bells.length + 1)];
      const share = chosen === undefined ? rng.nextFloat() : chosen.middle + chosen.width * rng.nextNormal();
      return valueAt(key, range, Math.min(1, Math.max(0, share)));
    },
    at(value) {
      const share = shareOf(range, value);
      return weight * (1 + sum(bells.map(({ middle, width }) => bell((share - middle) / width) / width)));
    },
  };
}

/** Of a list: how often each was seen, and once more. */
function listDensity(values: readonly number[], seen: readonly number[]): Density {
  const counts = values.map((value) => 1 + seen.filter((each) => each === value).length);
  const total = sum(counts);
  return {
    draw(rng) {
      const place = rng.nextInt(total);
      const at = counts.findIndex((_, index) => place < sum(counts.slice(0, index + 1)));
      return values[at]!;
    },
    at: (value) => counts[values.indexOf(value)]! / total,
  };
}

function densityOf(varied: VariedWays, points: readonly SeenPoint[]): Density {
  const name = varied.key.path.join();
  const seen = points.map(({ values }) => values.find(({ path }) => path.join() === name)!.value);
  return "min" in varied.ways ? rangeDensity(varied, varied.ways, seen) : listDensity(varied.ways, seen);
}

function textOf(values: Values): string {
  return values.map(({ value }) => value).join();
}

/** The best first: who got farther was better than those beside it when these were stopped. */
function bestFirst(points: readonly SeenPoint[]): readonly SeenPoint[] {
  const lossOf = ({ loss }: SeenPoint): number => (Number.isFinite(loss) ? loss : Number.POSITIVE_INFINITY);
  return [...points].sort((a, b) => b.steps - a.steps || lossOf(a) - lossOf(b));
}

/**
 * The next point of a search: a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), key by key. Of points
 * drawn where good ones are the one that is likeliest there compared with where the others are. Where fewer than `startup`
 * have ended it is drawn at random. `taken`: points that have ended or train, which do not come again while others are
 * left. `number`: which proposal it is, so that equal histories give equal points.
 */
export function proposePoint(
  { over, startup, seed }: Pick<ModelSearchSpec, "over" | "startup" | "seed">,
  {
    ended,
    taken,
    number,
  }: { readonly ended: readonly SeenPoint[]; readonly taken: readonly Values[]; readonly number: number },
): Values {
  const ways = waysOf(over);
  const rng = createRng(`point ${number} of a search by ${seed}`);
  const known = new Set(taken.map(textOf));
  const pointOf = (choose: (varied: VariedWays, at: number) => number): Values =>
    ways.map((varied, at) => ({ path: varied.key.path, value: choose(varied, at) }));
  const random = (): Values => pointOf(({ key, ways: own }) => drawn(key, own, rng));
  const fresh = (points: readonly Values[]): readonly Values[] => points.filter((values) => !known.has(textOf(values)));
  const draws = Array.from({ length: CANDIDATES }, random);
  if (ended.length < startup) return fresh(draws)[0] ?? draws[0]!;
  const order = bestFirst(ended);
  const numGood = Math.max(2, Math.ceil(GOOD_SHARE * order.length));
  const good = ways.map((varied) => densityOf(varied, order.slice(0, numGood)));
  const rest = ways.map((varied) => densityOf(varied, order.slice(numGood)));
  const gain = (values: Values): number =>
    sum(values.map(({ value }, at) => Math.log(good[at]!.at(value) / rest[at]!.at(value))));
  const near = Array.from({ length: CANDIDATES }, () => pointOf((_, at) => good[at]!.draw(rng)));
  const candidates = fresh(near).length > 0 ? fresh(near) : fresh(draws);
  return (candidates.length > 0 ? candidates : near).reduce((best, each) => (gain(each) > gain(best) ? each : best));
}
