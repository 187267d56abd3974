import type { JournalLine } from "./journal.ts";

/** What became of a job. */
export interface FleetOutcome {
  readonly name: string;
  readonly arrivalNs: number;
  /** When it was first sent to a pipeline, and when it ended there; undefined for one that was not, or has not. */
  readonly startNs: number | undefined;
  readonly endNs: number | undefined;
  /** Time on devices. */
  readonly trainedNs: number;
  readonly preemptions: number;
  readonly refused: boolean;
}

type Fate = { -readonly [K in keyof FleetOutcome]: FleetOutcome[K] } & { placedSinceNs: number };

/** Jobs' stories so far, of the lines of a journal as they come; whose lines do not matter. */
export class FleetOutcomes {
  readonly #fates: Fate[] = [];

  add({ atNs, events, decisions }: JournalLine): void {
    for (const event of events) {
      if (event.kind === "arrived") {
        const { name, arrivalNs } = event.request;
        const untrained = { startNs: undefined, endNs: undefined, trainedNs: 0, placedSinceNs: 0 };
        this.#fates[event.number] = { name, arrivalNs, ...untrained, preemptions: 0, refused: false };
      } else if (event.kind === "ended") this.#end(event.number, atNs);
    }
    for (const { kind, number, pipeline } of decisions) {
      const fate = this.#fates[number]!;
      if (kind === "start" || kind === "resume") {
        fate.startNs ??= atNs;
        fate.placedSinceNs = atNs;
      } else if (kind === "preempt") {
        fate.trainedNs += atNs - fate.placedSinceNs;
        fate.preemptions += 1;
      } else if (kind === "refuse") fate.refused = true;
      else if (kind === "stop") {
        if (pipeline === undefined) fate.endNs = atNs;
        else this.#end(number, atNs);
      }
    }
  }

  /** In the order of arrival. */
  all(): readonly FleetOutcome[] {
    return this.#fates.map(({ placedSinceNs: _, ...outcome }) => outcome);
  }

  #end(number: number, atNs: number): void {
    const fate = this.#fates[number]!;
    fate.endNs = atNs;
    fate.trainedNs += atNs - fate.placedSinceNs;
  }
}
