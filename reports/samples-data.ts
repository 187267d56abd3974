// Prompts that jobs have answered while they trained, as pages show them.
import { groupBy } from "../core/index.ts";

/** A line of a run's samples, as far as pages read it. */
export interface SampleRecord {
  readonly job: string;
  /** The step that the job had made last, from 0. */
  readonly step: number;
  readonly prompt: string;
  readonly by: "adapter" | "base";
  readonly text: string;
  /** Whether the answer ended by itself; it is cut where not. */
  readonly ended: boolean;
}

/** An answer of an adapter. */
export type StepAnswer = Pick<SampleRecord, "step" | "text" | "ended">;

/** A prompt with what was answered to it. */
export interface PromptAnswers {
  readonly prompt: string;
  /** The base's answer; null where it is not known. */
  readonly base: Pick<SampleRecord, "text" | "ended"> | null;
  /** The adapter's, by step. */
  readonly answers: readonly StepAnswer[];
}

export interface JobSamples {
  /** Its place among the page's jobs. */
  readonly job: number;
  readonly prompts: readonly PromptAnswers[];
}

/** What was answered to each prompt of a job, prompts in the order in which they came first. */
export function promptAnswers(records: readonly SampleRecord[]): readonly PromptAnswers[] {
  return [...groupBy(records, ({ prompt }) => prompt)].map(([prompt, own]) => {
    const base = own.find(({ by }) => by === "base");
    const answers = own.filter(({ by }) => by === "adapter").sort((a, b) => a.step - b.step);
    return {
      prompt,
      base: base === undefined ? null : { text: base.text, ended: base.ended },
      answers: answers.map(({ step, text, ended }) => ({ step, text, ended })),
    };
  });
}

/** By job, in the order of names; of the jobs that have answered any. */
export function jobSamples(records: readonly SampleRecord[], names: readonly string[]): readonly JobSamples[] {
  const byJob = groupBy(records, ({ job }) => job);
  return names.flatMap((name, job) => {
    const own = byJob.get(name);
    return own === undefined ? [] : [{ job, prompts: promptAnswers(own) }];
  });
}
