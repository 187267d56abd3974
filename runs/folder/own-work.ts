import { listener, type OwnWork, type RunListener, watchOwnWork } from "../../exec/index.ts";
import type { OwnWorkCosts } from "../../plan/index.ts";
import type { JournalEvent } from "./journal.ts";

type OwnWorkEvent = Extract<JournalEvent, { event: "own work" }>;

/** What was counted of a fleet that has ended; undefined where nobody did. */
export function ownWorkCounted(events: readonly JournalEvent[]): OwnWorkEvent | undefined {
  return events.flatMap((line) => (line.event === "own work" ? [line] : [])).at(-1);
}

/** What devices lost by it in all, as a simulation reckons with it: by action, and in bursts of a segment. */
export function ownWorkLost(
  lostSeconds: number,
  { actions, segments, cores }: Pick<OwnWorkEvent, "actions" | "segments" | "cores">,
): OwnWorkCosts {
  return { perActionSeconds: lostSeconds / actions, burstSeconds: lostSeconds / segments, cores };
}

/** What devices lost by it, as a simulation reckons with it: of what they lost JavaScript's part of all that had cores. */
export function ownWorkOf(events: readonly JournalEvent[]): OwnWorkCosts | undefined {
  const work = ownWorkCounted(events);
  if (work === undefined || work.actions === 0 || work.segments === 0) return undefined;
  const { seconds, otherSeconds, lostSeconds = seconds } = work;
  const lost = Math.min(seconds, (lostSeconds * seconds) / (seconds + otherSeconds));
  return lost > 0 ? ownWorkLost(lost, work) : undefined;
}

/** Counts what JavaScript does on the devices' cores while a fleet trains, and what it does it for. */
export class OwnWorkCount {
  #actions = 0;
  #lostNs = 0;
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
      for (const { done } of batch) {
        if (done.stream !== "compute") continue;
        this.#actions += 1;
        this.#lostNs += (done.interruptedNs ?? 0) + (done.delayedNs ?? 0);
      }
    },
  });

  /** What it has come to; undefined where nobody counts. */
  event(): OwnWorkEvent | undefined {
    const work = this.#end?.();
    if (work === undefined) return undefined;
    const lostSeconds = this.#lostNs / 1e9;
    return {
      event: "own work",
      actions: this.#actions,
      segments: this.#segments,
      decided: this.#decided,
      lostSeconds,
      ...work,
    };
  }
}
