import { mean } from "../core/index.ts";
import type { StepNotice } from "./fleet-control.ts";
import type { LossCurve } from "./messages.ts";

/** A curve that has so many points is thinned to half of them. */
const MOST_POINTS = 128;

interface GrowingCurve {
  stride: number;
  points: (number | null)[];
  /** Losses of steps that make no whole point yet. */
  open: (number | null)[];
}

/** With as many digits as a curve shows: a thousand of them are half as long to write, and to read. */
function meanOf(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : Number(mean(numbers).toPrecision(6));
}

/** The loss of every job so far, in few points each: of so many jobs at most, those that trained last. */
export class LossCurves {
  readonly #most: number;
  /** Whoever trained last is last. */
  readonly #curves = new Map<string, GrowingCurve>();

  constructor(most: number) {
    this.#most = most;
  }

  add({ name, loss }: Pick<StepNotice, "name" | "loss">): void {
    const curve = this.#curves.get(name) ?? { stride: 1, points: [], open: [] };
    this.#curves.delete(name);
    this.#curves.set(name, curve);
    if (this.#curves.size > this.#most) this.#curves.delete(this.#curves.keys().next().value!);
    curve.open.push(loss);
    if (curve.open.length < curve.stride) return;
    curve.points.push(meanOf(curve.open));
    curve.open = [];
    if (curve.points.length < MOST_POINTS) return;
    curve.points = Array.from({ length: MOST_POINTS / 2 }, (_, i) => meanOf(curve.points.slice(2 * i, 2 * i + 2)));
    curve.stride *= 2;
  }

  all(): readonly LossCurve[] {
    return [...this.#curves].map(([name, { stride, points }]) => ({ name, stride, points: [...points] }));
  }
}
