import { listener, type OwnWork, type RunListener, watchOwnWork } from "../../exec/index.ts";
import type { OwnWorkCosts } from "../../plan/index.ts";
import type { JournalEvent } from "./journal.ts";

type OwnWorkEvent = Extract<JournalEvent, { event: "own work" }>;

/** What was counted of a fleet that has ended; undefined where nobody did. */
export function ownWorkCounted(events: readonly JournalEvent[]): OwnWorkEvent | undefined {
  return events.flatMap((line) => (line.event === "own work" ? [line] : [])).at(-1);
}

/** The same as a simulation reckons with it. */
export function ownWorkOf(events: readonly JournalEvent[]): OwnWorkCosts | undefined {
  const work = ownWorkCounted(events);
  if (work === undefined || work.actions === 0 || work.segments === 0) return undefined;
  const { seconds, actions, segments, cores } = work;
  return { perActionSeconds: seconds / actions, burstSeconds: seconds / segments, cores };
}

/** Counts what JavaScript does on the devices' cores while a fleet trains, and what it does it for. */
export class OwnWorkCount {
  #actions = 0;
  #segments = 0;
  #decided = 0;
  #end: (() => OwnWork | undefined) | undefined;

  readonly hear: RunListener = listener({
    ready: () => {
      this.#end = watchOwnWork();
    },
    decided: ({ line }) => {
      this.#decided += line.decisions.length;
    },
    planned: () => {
      this.#segments += 1;
    },
    completed: ({ batch }) => {
      this.#actions += batch.filter(({ done }) => done.stream === "compute").length;
    },
  });

  /** What it has come to; undefined where nobody counts. */
  event(): OwnWorkEvent | undefined {
    const work = this.#end?.();
    if (work === undefined) return undefined;
    return { event: "own work", actions: this.#actions, segments: this.#segments, decided: this.#decided, ...work };
  }
}
