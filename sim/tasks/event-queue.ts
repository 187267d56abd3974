import FastPriorityQueue from "fastpriorityqueue";
import type { Nanos } from "../../core/index.ts";

/** Something that happens at an instant. */
export interface QueuedEvent<T> {
  readonly timeNs: Nanos;
  /** Smaller comes first within an instant. */
  readonly priority: number;
  /** The order of scheduling, which makes the order total. */
  readonly sequence: number;
  readonly payload: T;
}

function isBefore(a: QueuedEvent<unknown>, b: QueuedEvent<unknown>): boolean {
  if (a.timeNs !== b.timeNs) return a.timeNs < b.timeNs;
  if (a.priority !== b.priority) return a.priority < b.priority;
  return a.sequence < b.sequence;
}

/** A heap of events by (time, priority, sequence): no two compare equal, so the order never depends on the heap. */
export type EventQueue<T> = FastPriorityQueue<QueuedEvent<T>>;

export function createEventQueue<T>(): EventQueue<T> {
  return new FastPriorityQueue<QueuedEvent<T>>(isBefore);
}
