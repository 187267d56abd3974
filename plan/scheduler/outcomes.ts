import type { FleetJob, JobRequest } from "./fleet-job.ts";
import type { FleetEvent, JournalLine } from "./journal.ts";

/** What became of a job. */
export interface FleetOutcome {
  /** In the order of arrival. */
  readonly number: number;
  readonly name: string;
  readonly arrivalNs: number;
  /** When it is to have ended; null for one without a deadline. */
  readonly deadlineNs: number | null;
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

/** What has become of a job that has begun and not ended. */
export interface JobPast {
  readonly number: number;
  readonly startNs: number;
  /** Time on devices so far, and iterations that were told of. */
  readonly trainedNs: number;
  readonly iterations: number;
  readonly preemptions: number;
}

/** Where a job is, and since when. */
interface Place {
  readonly pipeline: number;
  readonly sinceNs: number;
}

type Fate = { -readonly [K in keyof FleetOutcome]: FleetOutcome[K] } & { place: Place | undefined };

/** Jobs on a pipeline, and since when there is any; the time until then in which there was. */
interface Occupancy {
  jobs: number;
  sinceNs: number;
  busyNs: number;
}

function newFate(number: number, { name, arrivalNs, deadlineNs }: JobRequest): Fate {
  return {
    number,
    name,
    arrivalNs,
    deadlineNs,
    startNs: undefined,
    endNs: undefined,
    trainedNs: 0,
    iterations: 0,
    preemptions: 0,
    refused: false,
    place: undefined,
  };
}

/** Jobs' stories so far, of the lines of a journal as they come; whose lines do not matter. */
export class FleetOutcomes {
  readonly #fates = new Map<number, Fate>();
  readonly #pipelines: Occupancy[] = [];
  /** Jobs that somebody has paused. */
  readonly #held = new Set<number>();

  /** Goes on from jobs that are there at a time. */
  goOn(atNs: number, jobs: readonly FleetJob[], past: readonly JobPast[]): void {
    for (const job of [...jobs].sort((a, b) => a.number - b.number)) {
      const fate = newFate(job.number, job);
      this.#fates.set(job.number, fate);
      if (job.pipeline !== undefined) this.#enter(fate, job.pipeline, atNs);
      if (job.hold?.kind === "pause") this.#held.add(job.number);
    }
    for (const { number, ...story } of past) Object.assign(this.#fates.get(number)!, story);
  }

  add({ atNs, events, decisions }: JournalLine): void {
    for (const event of events) {
      const { number } = event;
      if (event.kind === "arrived") this.#fates.set(number, newFate(number, event.request));
      else if (event.kind === "progress") this.#fates.get(number)!.iterations = event.done;
      else if (event.kind === "restored") {
        this.#restore(event, atNs);
        this.#held.delete(number);
      } else if (event.kind === "pause") this.#held.add(number);
      else if (event.kind === "unpause") this.#held.delete(number);
      else if (event.kind === "ended") this.#end(number, atNs);
    }
    for (const { kind, number, pipeline } of decisions) {
      const fate = this.#fates.get(number)!;
      if (kind === "start" || kind === "resume") {
        fate.startNs ??= atNs;
        this.#enter(fate, pipeline!, atNs);
      } else if (kind === "preempt") {
        this.#leave(fate, atNs);
        // Who is paused has not given way to anybody.
        if (!this.#held.has(number)) fate.preemptions += 1;
      } else if (kind === "refuse") fate.refused = true;
      else if (kind === "stop") this.#end(number, atNs);
    }
  }

  /** In the order of arrival. */
  all(): readonly FleetOutcome[] {
    return [...this.#fates.keys()].map((number) => this.of(number));
  }

  of(number: number): FleetOutcome {
    const { place: _, ...outcome } = this.#fates.get(number)!;
    return outcome;
  }

  /** Of a job that is over nothing more is asked. */
  forget(number: number): void {
    this.#fates.delete(number);
  }

  /** Of the jobs that have begun and not ended, at a time that is no earlier than the last line's. */
  past(atNs: number): readonly JobPast[] {
    return [...this.#fates.values()].flatMap(
      ({ number, startNs, endNs, trainedNs, iterations, preemptions, place }) => {
        if (startNs === undefined || endNs !== undefined) return [];
        const sinceNs = place === undefined ? 0 : atNs - place.sinceNs;
        return [{ number, startNs, trainedNs: trainedNs + sinceNs, iterations, preemptions }];
      },
    );
  }

  /** By pipeline, the time up to the last line in which it trained anything. */
  busyNs(numPipelines: number): readonly number[] {
    return Array.from({ length: numPipelines }, (_, pipeline) => this.#pipelines[pipeline]?.busyNs ?? 0);
  }

  #restore({ number, request, done }: Extract<FleetEvent, { kind: "restored" }>, atNs: number): void {
    const fate = this.#fates.get(number) ?? newFate(number, request);
    this.#fates.set(number, fate);
    this.#leave(fate, atNs);
    Object.assign(fate, { iterations: done, endNs: undefined, deadlineNs: request.deadlineNs });
  }

  #end(number: number, atNs: number): void {
    const fate = this.#fates.get(number)!;
    fate.endNs = atNs;
    this.#leave(fate, atNs);
  }

  #enter(fate: Fate, pipeline: number, atNs: number): void {
    fate.place = { pipeline, sinceNs: atNs };
    this.#pipelines[pipeline] ??= { jobs: 0, sinceNs: atNs, busyNs: 0 };
    const own = this.#pipelines[pipeline];
    if (own.jobs === 0) own.sinceNs = atNs;
    own.jobs += 1;
  }

  #leave(fate: Fate, atNs: number): void {
    if (fate.place === undefined) return;
    const { pipeline, sinceNs } = fate.place;
    fate.place = undefined;
    fate.trainedNs += atNs - sinceNs;
    const own = this.#pipelines[pipeline]!;
    own.jobs -= 1;
    if (own.jobs === 0) own.busyNs += atNs - own.sinceNs;
  }
}
