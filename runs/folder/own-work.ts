import { InputError } from "../../core/index.ts";
import { listener, type OwnWork, type RunListener, watchOwnWork } from "../../exec/index.ts";
import type { OwnWorkCosts } from "../../plan/index.ts";
import type { JournalEvent } from "./journal.ts";
import { RUN_FILES } from "./run-files.ts";

/** What of the event has to be a count. */
const COUNTED = [
  ...(["actions", "segments", "decided", "cores"] as const),
  ...(["seconds", "mainSeconds", "waitedSeconds", "otherSeconds", "lostSeconds"] as const),
];

type OwnWorkEvent = Extract<JournalEvent, { event: "own work" }>;

/**
 * What was counted of a fleet that has ended; undefined where nobody did.
 * @throws InputError for a line with something else than counts
 */
export function ownWorkCounted(events: readonly JournalEvent[]): OwnWorkEvent | undefined {
  const work = events.flatMap((line) => (line.event === "own work" ? [line] : [])).at(-1);
  if (work === undefined) return undefined;
  const isCount = (value: unknown): boolean => typeof value === "number" && value >= 0 && Number.isFinite(value);
  const counts = { lostSeconds: 0, ...work };
  const wrong = COUNTED.find((name) => !isCount(counts[name]));
  if (wrong === undefined) return work;
  throw new InputError({
    expected: "a number of at least 0",
    file: RUN_FILES.journal,
    at: `${wrong} of "${work.event}"`,
    got: counts[wrong] ?? "none",
  });
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

  /** What it has come to until now, of all threads; undefined where nobody counts, or nothing can be trained yet. */
  soFar(): OwnWork | undefined {
    return this.#end?.();
  }

  /** What it has come to; undefined where nobody counts. */
  event(): OwnWorkEvent | undefined {
    const work = this.soFar();
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
