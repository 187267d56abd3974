import type { PromptAnswers } from "../reports/index.ts";
import type { SampleNotice } from "./fleet-control.ts";

/** Answers to a prompt that are kept, the latest ones. */
const MOST_ANSWERS = 8;

/** What a job has answered last. */
export interface NamedSamples {
  readonly name: string;
  readonly prompts: readonly PromptAnswers[];
}

/** The latest answers of jobs to their prompts: of so many jobs at most, those that have answered last. */
export class SampleLog {
  readonly #most: number;
  /** Whoever has answered last is last. */
  readonly #jobs = new Map<string, Map<string, PromptAnswers>>();

  constructor(most: number) {
    this.#most = most;
  }

  add({ name, step, answers }: SampleNotice): void {
    const prompts = this.#jobs.get(name) ?? new Map<string, PromptAnswers>();
    this.#jobs.delete(name);
    this.#jobs.set(name, prompts);
    if (this.#jobs.size > this.#most) this.#jobs.delete(this.#jobs.keys().next().value!);
    for (const { prompt, by, text, ended } of answers) {
      const known = prompts.get(prompt) ?? { prompt, base: null, answers: [] };
      prompts.set(
        prompt,
        by === "base"
          ? { ...known, base: { text, ended } }
          : { ...known, answers: [...known.answers, { step, text, ended }].slice(-MOST_ANSWERS) },
      );
    }
  }

  all(): readonly NamedSamples[] {
    return [...this.#jobs].map(([name, prompts]) => ({ name, prompts: [...prompts.values()] }));
  }
}
