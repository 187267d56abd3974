import { quantile } from "../core/index.ts";
import { Scheduler } from "../plan/index.ts";

/** Seconds that a scheduler's decisions took, in their order. */
export interface TimedDecisions extends Disposable {
  readonly seconds: number[];
}

/** Times all decisions of this process until it is disposed of. */
export function timedDecisions(): TimedDecisions {
  const { trigger } = Scheduler.prototype;
  const seconds: number[] = [];
  Scheduler.prototype.trigger = function timed(...given) {
    const from = performance.now();
    const line = trigger.apply(this, given);
    seconds.push((performance.now() - from) / 1e3);
    return line;
  };
  return {
    seconds,
    [Symbol.dispose]() {
      Scheduler.prototype.trigger = trigger;
    },
  };
}

/** The median, and what one of a hundred is longer than. */
export function middleAndLast({ seconds }: TimedDecisions): { readonly median: number; readonly p99: number } {
  return { median: quantile(seconds, 0.5), p99: quantile(seconds, 0.99) };
}
