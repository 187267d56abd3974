import type { LiveWork, MiniBatch } from "../plan/index.ts";

/** What a mini-batch has of one of its jobs. */
export interface JobShare {
  /** The job's own step. */
  readonly step: number;
  readonly tokens: number;
  readonly scored: number;
}

/** What follows from all rows of a mini-batch together. */
export interface MiniBatchFacts {
  readonly jobs: ReadonlyMap<number, JobShare>;
  /** By micro-batch and row: which of its job's rows in the mini-batch it is, counted in the plan's order. */
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
    const jobs = new Map<number, { step: number; tokens: number; scored: number; rows: number }>();
    const rowNumbers = new Map<number, Int32Array>();
    for (const index of microBatches) {
      const { rows } = this.#live.microBatch(index);
      const numbers = new Int32Array(rows.length);
      rows.forEach(([job, , tokens, scored], row) => {
        const share = jobs.get(job) ?? { step: firstSteps.get(job)! + step, tokens: 0, scored: 0, rows: 0 };
        jobs.set(job, share);
        numbers[row] = share.rows;
        share.rows += 1;
        share.tokens += tokens;
        share.scored += scored;
      });
      rowNumbers.set(index, numbers);
    }
    return { jobs, rowNumbers };
  }
}
