import { mean, sum } from "../../core/index.ts";
import { noiseOf } from "./recent-losses.ts";

/** A loss, or the mean of neighbouring ones, and the iteration that it is of. */
export interface LossPoint {
  readonly at: number;
  readonly loss: number;
}

/** Losses over a job, the oldest first: never more than `MOST`, neighbours are put together before. */
export interface LossPoints {
  readonly points: readonly LossPoint[];
  /** Losses that a point is the mean of. */
  readonly each: number;
  /** The sum of those that do not make a point yet, and how many. */
  readonly pending: { readonly loss: number; readonly count: number };
}

const MOST = 256;

/** `each`: losses that a point is of at first. */
export const noPoints = (each: number): LossPoints => ({ points: [], each, pending: { loss: 0, count: 0 } });

function halved(points: readonly LossPoint[]): readonly LossPoint[] {
  return points.flatMap(({ at, loss }, index) =>
    index % 2 === 0 ? [] : [{ at, loss: (loss + points[index - 1]!.loss) / 2 }],
  );
}

/** With a loss more, and the point that it completes. */
export function withPoint({ points, each, pending }: LossPoints, at: number, loss: number): LossPoints {
  const sum = { loss: pending.loss + loss, count: pending.count + 1 };
  if (sum.count < each) return { points, each, pending: sum };
  const empty = { loss: 0, count: 0 };
  const next = [...points, { at, loss: sum.loss / sum.count }];
  return next.length < MOST
    ? { points: next, each, pending: empty }
    : { points: halved(next), each: 2 * each, pending: empty };
}

/** A straight line through losses by least squares. */
export interface Trend {
  /** Of the line at the last point. */
  readonly level: number;
  /** By iteration, and its standard error. */
  readonly slope: number;
  readonly slopeError: number;
  /** The standard deviation of losses about what they follow. */
  readonly noise: number;
}

/** Points from whose differences the noise is told, at least. */
const LEAST_FOR_NOISE = 12;

/** The trend of the last `count` points of all. The noise is told from differences of neighbours. */
export function trendOf(points: readonly LossPoint[], count: number): Trend {
  const own = points.slice(-count);
  const [at, loss] = [mean(own.map((point) => point.at)), mean(own.map((point) => point.loss))];
  const squares = sum(own.map((point) => (point.at - at) ** 2));
  const slope = sum(own.map((point) => (point.at - at) * (point.loss - loss))) / squares;
  const noise = noiseOf(points.slice(-Math.max(count, LEAST_FOR_NOISE)).map((point) => point.loss));
  return { level: loss + slope * (own.at(-1)!.at - at), slope, slopeError: noise / Math.sqrt(squares), noise };
}
