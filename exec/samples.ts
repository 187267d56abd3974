import { groupBy } from "../core/index.ts";
import { jobStep, type LiveWork, type MiniBatch } from "../plan/index.ts";
import type { Sampled, SampledAnswer } from "./generation/stage-sampler.ts";
import type { LoweredAction } from "./lowering.ts";

/** What was answered to a prompt of a job. */
export interface PromptAnswer extends Pick<SampledAnswer, "tokens" | "hasEnded"> {
  readonly prompt: string;
  readonly isByBase: boolean;
}

/** The prompts of a job, answered after one of its steps. */
export interface JobSample {
  readonly job: string;
  /** The step that it has made last, from 0. */
  readonly step: number;
  /** By the adapter, and by the base where that was asked, too; in the order of the prompts. */
  readonly answers: readonly PromptAnswer[];
}

/** Gathers what the micro-batches of a mini-batch's sample have answered. */
export class Samples {
  readonly #live: LiveWork;
  readonly #answers = new Map<MiniBatch, readonly SampledAnswer[]>();

  constructor(live: LiveWork) {
    this.#live = live;
  }

  add({ miniBatch }: Pick<LoweredAction, "miniBatch">, { answers }: Sampled): void {
    this.#answers.set(miniBatch, [...(this.#answers.get(miniBatch) ?? []), ...answers]);
  }

  /** All of them, job by job. */
  take(miniBatch: MiniBatch): readonly JobSample[] {
    const answers = this.#answers.get(miniBatch) ?? [];
    this.#answers.delete(miniBatch);
    return [...groupBy(answers, ({ asker }) => asker)].map(([asker, own]) => {
      const { name, sample } = this.#live.jobs[asker]!;
      const rows = [...new Set(own.map(({ row }) => row))].sort((a, b) => a - b);
      return {
        job: name,
        step: jobStep(this.#live.groups, asker, miniBatch),
        answers: own.map(({ job, row, tokens, hasEnded }) => ({
          ...{ prompt: String(sample!.prompts[rows.indexOf(row)]), isByBase: job === undefined },
          ...{ tokens, hasEnded },
        })),
      };
    });
  }
}
