import type { FleetJob, JobRequest } from "./fleet-job.ts";
import type { JournalLine } from "./journal.ts";

/** What became of a job. */
export interface FleetOutcome {
  /** In the order of arrival. */
  readonly number: number;
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

/** What has become of a job that has begun and not ended. */
export interface JobPast {
  readonly number: number;
  readonly startNs: number;
  /** Time on devices so far. */
  readonly trainedNs: number;
  readonly preemptions: number;
}

type Fate = { -readonly [K in keyof FleetOutcome]: FleetOutcome[K] } & { placedSinceNs: number | undefined };

function newFate(number: number, { name, arrivalNs }: JobRequest): Fate {
  return {
    number,
    name,
    arrivalNs,
    startNs: undefined,
    endNs: undefined,
    trainedNs: 0,
    preemptions: 0,
    refused: false,
    placedSinceNs: undefined,
  };
}

/** Jobs' stories so far, of the lines of a journal as they come; whose lines do not matter. */
export class FleetOutcomes {
  readonly #fates = new Map<number, Fate>();

  /** Goes on from jobs that are there at a time. */
  goOn(atNs: number, jobs: readonly FleetJob[], past: readonly JobPast[]): void {
    for (const job of [...jobs].sort((a, b) => a.number - b.number)) {
      const placedSinceNs = job.pipeline === undefined ? undefined : atNs;
      this.#fates.set(job.number, { ...newFate(job.number, job), placedSinceNs });
    }
    for (const { number, ...story } of past) Object.assign(this.#fates.get(number)!, story);
  }

  add({ atNs, events, decisions }: JournalLine): void {
    for (const event of events) {
      const { number } = event;
      if (event.kind === "arrived") this.#fates.set(number, newFate(number, event.request));
      else if (event.kind === "ended") this.#end(number, atNs);
    }
    for (const { kind, number } of decisions) {
      const fate = this.#fates.get(number)!;
      if (kind === "start" || kind === "resume") {
        fate.startNs ??= atNs;
        fate.placedSinceNs = atNs;
      } else if (kind === "preempt") {
        this.#leave(fate, atNs);
        fate.preemptions += 1;
      } else if (kind === "refuse") fate.refused = true;
      else if (kind === "stop") this.#end(number, atNs);
    }
  }

  /** In the order of arrival. */
  all(): readonly FleetOutcome[] {
    return [...this.#fates.values()].map(({ placedSinceNs: _, ...outcome }) => outcome);
  }

  /** Of the jobs that have begun and not ended, at a time that is no earlier than the last line's. */
  past(atNs: number): readonly JobPast[] {
    return [...this.#fates.values()].flatMap(({ number, startNs, endNs, trainedNs, preemptions, placedSinceNs }) => {
      if (startNs === undefined || endNs !== undefined) return [];
      const sinceNs = placedSinceNs === undefined ? 0 : atNs - placedSinceNs;
      return [{ number, startNs, trainedNs: trainedNs + sinceNs, preemptions }];
    });
  }

  #end(number: number, atNs: number): void {
    const fate = this.#fates.get(number)!;
    fate.endNs = atNs;
    this.#leave(fate, atNs);
  }

  #leave(fate: Fate, atNs: number): void {
    if (fate.placedSinceNs !== undefined) fate.trainedNs += atNs - fate.placedSinceNs;
    fate.placedSinceNs = undefined;
  }
}
