import { predictedLeft } from "../fleet-job.ts";
import { takeInTurn } from "../in-order.ts";
import { byArrival, type Policy } from "../policy.ts";

export interface AdaptiveWindow {
  /** Jobs of the first window. */
  readonly size: number;
  /** A window with fewer is filled up to so many; as large as `size` when absent. */
  readonly least?: number;
}

/**
 * ASPEN's adaptive strategy (arXiv 2312.02515v1): a window of jobs in the order of arrival. At every iteration the window
 * is walked by (predicted iterations left, memory), and whoever fits takes part, up to the first that does not.
 */
export function adaptive({ size, least = size }: AdaptiveWindow): Policy {
  return {
    name: "adaptive",
    describe: "a window of jobs, the nearest to their end first, then the smallest",
    compare: byArrival,
    initial: null,
    watches: "iterations",
    decide(view, memory) {
      const { resources } = view;
      const there = new Map([...view.waiting, ...view.placed].map((job) => [job.number, job]));
      const numbers = memory as readonly number[] | null;
      const window = (numbers ?? []).flatMap((number) => there.get(number) ?? []);
      const known = new Set(window);
      const most = memory === null ? size : least;
      for (const job of [...view.placed, ...view.waiting]) {
        if (window.length >= most) break;
        if (!known.has(job)) window.push(job);
      }
      const order = new Map(window.map((job, place) => [job, place]));
      const sorted = [...window].sort(
        (a, b) =>
          predictedLeft(a) - predictedLeft(b) ||
          resources.nextBytes(a) - resources.nextBytes(b) ||
          order.get(a)! - order.get(b)!,
      );
      const wishes = takeInTurn(resources, sorted, {
        looksPast: 0,
        why: (job) => `${predictedLeft(job)} iterations are predicted to be left`,
      });
      return { wishes, memory: window.map(({ number }) => number) };
    },
  };
}
