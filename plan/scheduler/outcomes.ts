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
  /** Iterations that it has trained. */
  readonly iterations: number;
  readonly preemptions: number;
  readonly refused: boolean;
}

type Fate = { -readonly [K in keyof FleetOutcome]: FleetOutcome[K] } & { placedSinceNs: number; pipeline: number };

/** Jobs on a pipeline, and since when there is any; the time until then in which there was. */
interface Occupancy {
  jobs: number;
  sinceNs: number;
  busyNs: number;
}

/** Jobs' stories so far, of the lines of a journal as they come; whose lines do not matter. */
export class FleetOutcomes {
  readonly #fates: Fate[] = [];
  readonly #pipelines: Occupancy[] = [];

  add({ atNs, events, decisions }: JournalLine): void {
    for (const event of events) {
      if (event.kind === "arrived") {
        const { name, arrivalNs } = event.request;
        const untrained = { startNs: undefined, endNs: undefined, trainedNs: 0, iterations: 0 };
        const nowhere = { placedSinceNs: 0, pipeline: -1 };
        this.#fates[event.number] = { name, arrivalNs, ...untrained, ...nowhere, preemptions: 0, refused: false };
      } else if (event.kind === "progress") this.#fates[event.number]!.iterations = event.done;
      else if (event.kind === "ended") this.#end(event.number, atNs);
    }
    for (const { kind, number, pipeline } of decisions) {
      const fate = this.#fates[number]!;
      if (kind === "start" || kind === "resume") {
        fate.startNs ??= atNs;
        this.#enter(fate, pipeline!, atNs);
      } else if (kind === "preempt") {
        this.#leave(fate, atNs);
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
    return this.#fates.map(({ placedSinceNs: _since, pipeline: _pipeline, ...outcome }) => outcome);
  }

  /** By pipeline, the time up to the last line in which it trained anything. */
  busyNs(numPipelines: number): readonly number[] {
    return Array.from({ length: numPipelines }, (_, pipeline) => this.#pipelines[pipeline]?.busyNs ?? 0);
  }

  #end(number: number, atNs: number): void {
    const fate = this.#fates[number]!;
    fate.endNs = atNs;
    this.#leave(fate, atNs);
  }

  #enter(fate: Fate, pipeline: number, atNs: number): void {
    fate.placedSinceNs = atNs;
    fate.pipeline = pipeline;
    this.#pipelines[pipeline] ??= { jobs: 0, sinceNs: atNs, busyNs: 0 };
    const own = this.#pipelines[pipeline];
    if (own.jobs === 0) own.sinceNs = atNs;
    own.jobs += 1;
  }

  #leave(fate: Fate, atNs: number): void {
    fate.trainedNs += atNs - fate.placedSinceNs;
    const own = this.#pipelines[fate.pipeline]!;
    own.jobs -= 1;
    if (own.jobs === 0) own.busyNs += atNs - own.sinceNs;
  }
}
