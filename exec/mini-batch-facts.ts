import { type LiveWork, likelihoodTokens, type MiniBatch } from "../plan/index.ts";

/** What a mini-batch has of one of its jobs. */
export interface JobShare {
  /** The job's own step. */
  readonly step: number;
  readonly tokens: number;
  readonly scored: number;
  /** Where the job's loss compares answers: those whose mean loss may be added. */
  readonly likelihoodTokens: number;
}

/** What follows from all rows of a mini-batch together. */
export interface MiniBatchFacts {
  readonly jobs: ReadonlyMap<number, JobShare>;
  /**
   * By micro-batch and row: which of its job's rows in the mini-batch it is, counted in the order of the data, so that
   * it does not depend on how the mini-batch is cut, nor on who shares it.
   */
  readonly rowNumbers: ReadonlyMap<number, Int32Array>;
}

/** Worked out once for each mini-batch, and forgotten with it. */
export class MiniBatchTable {
  readonly #live: LiveWork;
  readonly #known = new WeakMap<MiniBatch, MiniBatchFacts>();

  constructor(live: LiveWork) {
    this.#live = live;
  }

  of(miniBatch: MiniBatch): MiniBatchFacts {
    const known = this.#known.get(miniBatch) ?? this.#make(miniBatch);
    this.#known.set(miniBatch, known);
    return known;
  }

  #make({ group, step, microBatches }: MiniBatch): MiniBatchFacts {
    const firstSteps = new Map(this.#live.groups[group]!.members.map(({ job, firstStep }) => [job, firstStep]));
    const jobs = new Map<number, { step: number; tokens: number; scored: number; likelihoodTokens: number }>();
    const rowNumbers = new Map<number, Int32Array>();
    const places: {
      readonly job: number;
      readonly data: number;
      readonly isOther: boolean;
      readonly numbers: Int32Array;
      readonly row: number;
    }[] = [];
    for (const index of microBatches) {
      const { rows } = this.#live.microBatch(index);
      const numbers = new Int32Array(rows.length);
      rows.forEach(([job, data, tokens, scored, compared], row) => {
        const share = jobs.get(job) ?? { step: firstSteps.get(job)! + step, tokens: 0, scored: 0, likelihoodTokens: 0 };
        jobs.set(job, share);
        share.tokens += tokens;
        share.scored += scored;
        const { loss } = this.#live.jobs[job]!;
        if (loss !== undefined && compared !== undefined) share.likelihoodTokens += likelihoodTokens(loss, compared);
        places.push({ job, data, isOther: compared?.part === "other", numbers, row });
      });
      rowNumbers.set(index, numbers);
    }
    // A row of which there are two parts has one number.
    places.sort((a, b) => a.job - b.job || Number(a.isOther) - Number(b.isOther) || a.data - b.data);
    let next = 0;
    places.forEach(({ job, isOther, numbers, row }, at) => {
      const before = places[at - 1];
      next = before?.job === job && before.isOther === isOther ? next + 1 : 0;
      numbers[row] = next;
    });
    return { jobs, rowNumbers };
  }
}
