import { Numbers } from "../core/index.ts";
import type { StageHost } from "./stage-host.ts";

/** Where the stages leave the gradient norms of a job: a cell each. Cells of jobs that have ended are used again. */
export class NormCells {
  readonly #host: StageHost;
  readonly #numStages: number;
  readonly #numbers = new Numbers();
  readonly #ofJob = new Map<number, number>();
  /** By number of a job's cells: the first of them. */
  readonly #first: number[] = [];

  constructor(host: StageHost, numStages: number) {
    this.#host = host;
    this.#numStages = numStages;
  }

  of(job: number, stage: number): number {
    const number = this.#ofJob.get(job) ?? this.#numbers.take();
    this.#ofJob.set(job, number);
    this.#first[number] ??= this.#host.createNormCells(this.#numStages);
    return this.#first[number] + stage;
  }

  giveBack(job: number): void {
    const number = this.#ofJob.get(job);
    if (number === undefined) return;
    this.#ofJob.delete(job);
    this.#numbers.giveBack(number);
  }
}
