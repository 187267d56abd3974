import { InputError } from "../../core/index.ts";
import { hasChatTemplate, NOT_SCORED, questionIn, type Row } from "../../datasets/index.ts";
import { dataSetsOf, isLengthData, type Job } from "../../plan/index.ts";
import { promptFormOf } from "./prompt-form.ts";
import { PromptThread } from "./prompt-thread.ts";
import type { RowContext } from "./read-rows.ts";

type SampledJob = Pick<Job, "data" | "sample" | "cutoffLength">;

/** The most tokens of a prompt. */
function mostOf({ sample, cutoffLength }: SampledJob, mostTokens: number): number {
  return Math.min(cutoffLength, mostTokens - sample!.maxTokens);
}

/** @throws InputError for a prompt that leaves no room for its answer */
function checkLength(job: SampledJob, index: number, at: number, tokens: number, mostTokens: number): void {
  const most = mostOf(job, mostTokens);
  if (tokens > 0 && tokens <= most) return;
  const { sample, cutoffLength } = job;
  const [where, got] =
    most < 1 ? ["maxTokens", sample!.maxTokens] : [`prompts[${at}]`, `${tokens} ${tokens === 1 ? "token" : "tokens"}`];
  throw new InputError({
    expected: most < 1 ? `at most ${mostTokens - 1} tokens of an answer` : `a prompt of 1 to ${most} tokens`,
    at: `jobs[${index}].sample.${where}`,
    got,
    hint:
      most === cutoffLength
        ? `cutoffLength is ${cutoffLength}.`
        : `The model has ${mostTokens} positions, for a prompt with its answer.`,
  });
}

/**
 * `mostTokens`: of the model. @throws InputError where texts are to be answered and only lengths are known, or the other
 * way round; and for numbers that are too large
 */
export function checkSample(job: SampledJob, index: number, mostTokens: number): void {
  const { data, sample } = job;
  if (sample === undefined) return;
  const isOfLengths = typeof sample.prompts[0] === "number";
  if (isLengthData(data) === isOfLengths) {
    for (const [at, prompt] of sample.prompts.entries())
      if (typeof prompt === "number") checkLength(job, index, at, prompt, mostTokens);
    return;
  }
  throw new InputError({
    expected: isOfLengths ? "texts" : "numbers of tokens, as only lengths of the job's data are known,",
    at: `jobs[${index}].sample.prompts`,
    got: sample.prompts[0],
  });
}

/** @throws InputError where the model has none */
function folderFor(tokenizerFolder: RowContext["tokenizerFolder"], index: number): string {
  try {
    return tokenizerFolder();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const hint = "The prompts of a sample are texts: without a tokenizer, leave `sample` out.";
    throw new InputError({ ...error.facts, at: `jobs[${index}].sample.prompts`, hint }, { cause: error });
  }
}

/**
 * The prompts of a job as rows of which nothing is scored, each in the form of the job's rows.
 * @throws InputError for one that leaves no room for its answer
 */
export async function samplePrompts(
  job: SampledJob,
  index: number,
  file: string,
  { tokenizerFolder, mostTokens }: Pick<RowContext, "tokenizerFolder" | "mostTokens">,
): Promise<readonly Row[]> {
  const { data, sample } = job;
  if (sample === undefined || isLengthData(data)) return [];
  const folder = folderFor(tokenizerFolder, index);
  const form = await promptFormOf(dataSetsOf(data)[0], file, { hasChatTemplate: hasChatTemplate(folder) });
  await using thread = new PromptThread(folder);
  const rows: Row[] = [];
  for (const [at, prompt] of sample.prompts.entries()) {
    const inputIds = Int32Array.from(await thread.tokens(questionIn(form, String(prompt))));
    checkLength(job, index, at, inputIds.length, mostTokens);
    rows.push({ inputIds, labels: new Int32Array(inputIds.length).fill(NOT_SCORED) });
  }
  return rows;
}
