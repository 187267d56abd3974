import { InputError } from "../../core/index.ts";
import { evaluatesAfter, type FileLines } from "../../plan/index.ts";
import { readSamples } from "../folder/sample-lines.ts";
import type { RecordedJob } from "./check-metrics.ts";

/** What samples.jsonl is to have of a job. */
export type SampledJob = Pick<RecordedJob, "name" | "steps" | "evaluatedUntil" | "sample">;

/**
 * Whether samples.jsonl has each answer that is due once, and none else. @throws InputError with the first line that is
 * wrong, or what is missing
 */
export function checkSamples(lines: FileLines, file: string, jobs: ReadonlyMap<string, SampledJob>): void {
  const answered = new Set<string>();
  for (const [index, { job: name, step, prompt, by }] of readSamples(lines, file).entries()) {
    const { sample, steps } = jobs.get(name) ?? {};
    const key = JSON.stringify([name, step, prompt, by]);
    const isDue = sample?.prompts.some((own) => own === prompt) === true && evaluatesAfter(sample, step, steps!);
    if (!isDue || step >= steps! || answered.has(key))
      throw new InputError({
        expected: "an answer to a prompt of a job of the run, after a step at which that is due, once",
        ...{ file, line: index + 1, got: { job: name, step, prompt, by } },
      });
    answered.add(key);
  }
  for (const { name, sample, steps, evaluatedUntil } of jobs.values())
    for (const prompt of sample?.prompts ?? [])
      for (let step = 0; step < evaluatedUntil; step += 1)
        if (evaluatesAfter(sample!, step, steps) && !answered.has(JSON.stringify([name, step, prompt, "adapter"])))
          throw new InputError({
            expected: `the answer of job ${name} to ${JSON.stringify(prompt)} after its step ${step}`,
            ...{ file, got: "none" },
          });
}
