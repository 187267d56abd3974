import { InputError } from "../../core/index.ts";
import { evaluatesAfter, type FileLines } from "../../plan/index.ts";
import { readSamples } from "../folder/sample-lines.ts";
import type { RecordedJob } from "./check-metrics.ts";

/** What samples.jsonl is to have of a job in a part of a run: a run that goes on may ask other prompts. */
export interface SampledPart extends Pick<RecordedJob, "name" | "steps" | "evaluatedUntil" | "sample"> {
  /** Its steps in that part. */
  readonly from: number;
  readonly until: number;
}

/**
 * Whether samples.jsonl has each answer that is due once, and none else. @throws InputError with the first line that is
 * wrong, or what is missing
 */
export function checkSamples(lines: FileLines, file: string, parts: readonly SampledPart[]): void {
  const answered = new Set<string>();
  for (const [index, { job, step, prompt, by, tokens }] of readSamples(lines, file).entries()) {
    const part = parts.find(({ name, from, until }) => name === job && from <= step && step < until);
    const { sample, steps = 0 } = part ?? {};
    const key = JSON.stringify([job, step, prompt, by]);
    const isDue = sample?.prompts.includes(prompt as never) === true && evaluatesAfter(sample, step, steps);
    if (!isDue || tokens > sample.maxTokens || answered.has(key))
      throw new InputError({
        expected: "an answer to a prompt of a job of the run, after a step at which that is due, once",
        ...{ file, line: index + 1, got: { job, step, prompt, by, tokens } },
      });
    answered.add(key);
  }
  for (const { name, sample, steps, evaluatedUntil, from, until } of parts)
    for (const prompt of sample?.prompts ?? [])
      for (let step = from; step < Math.min(until, evaluatedUntil); step += 1)
        if (evaluatesAfter(sample!, step, steps) && !answered.has(JSON.stringify([name, step, prompt, "adapter"])))
          throw new InputError({
            expected: `the answer of job ${name} to ${JSON.stringify(prompt)} after its step ${step}`,
            ...{ file, got: "none" },
          });
}
