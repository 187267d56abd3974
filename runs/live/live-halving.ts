import { finite } from "../../core/index.ts";
import {
  type AskedEvent,
  type HalvedSweep,
  halvingEvents,
  type SweepHalving,
  type SweepVerdict,
} from "../../plan/index.ts";
import type { JournalEvent } from "../folder/journal.ts";
import type { KeptJobs } from "./kept-jobs.ts";

export interface LiveHalvingInput {
  /** Told of what was before, where a fleet goes on. */
  readonly sweeps: SweepHalving;
  readonly jobs: KeptJobs;
  readonly journal: (event: JournalEvent) => void;
  readonly ask: (event: AskedEvent) => void;
}

/** A verdict, as it is written down. */
export function halvingLine({ sweep, job, rung, kind, loss, why }: SweepVerdict): JournalEvent {
  return { event: "halving", sweep, job, rung, verdict: kind, loss: finite(loss), why };
}

/** Successive halving of a live fleet's sweeps: what becomes of its verdicts. */
export class LiveHalving {
  readonly #input: LiveHalvingInput;

  constructor(input: LiveHalvingInput) {
    this.#input = input;
  }

  /** A job's loss after so many iterations. */
  lost(job: string, by: HalvedSweep["by"], iteration: number, loss: number): void {
    this.#follow(this.#input.sweeps.lost(job, by, iteration, loss));
  }

  /** A job is over. */
  gone(job: string): void {
    this.#follow(this.#input.sweeps.gone(job));
  }

  /** Jobs that have not come do not come any more. */
  drained(): void {
    const { sweeps, jobs } = this.#input;
    for (const name of sweeps.jobs) if (!jobs.has(name)) this.gone(name);
  }

  #follow(verdicts: readonly SweepVerdict[]): void {
    const { jobs, journal, ask } = this.#input;
    for (const verdict of verdicts) {
      const { job, kind } = verdict;
      journal(halvingLine(verdict));
      const { number, pausedBy } = jobs.named(job);
      if (kind === "pause") pausedBy.add("halving");
      else pausedBy.delete("halving");
      // What a person has paused stays so.
      if (kind === "stop" || !pausedBy.has("user")) for (const event of halvingEvents(verdict, number)) ask(event);
    }
  }
}
