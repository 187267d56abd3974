import { InputError } from "../../core/index.ts";
import { loadTokenizer, NOT_SCORED, promptIn, type Row } from "../../datasets/index.ts";
import { isLengthData, type Job } from "../../plan/index.ts";
import { promptFormOf } from "./prompt-form.ts";

/** @throws InputError where texts are to be answered and only lengths are known, or the other way round */
export function checkSample({ data, sample }: Job, index: number): void {
  if (sample === undefined) return;
  const isOfLengths = typeof sample.prompts[0] === "number";
  if (isLengthData(data) === isOfLengths) return;
  throw new InputError({
    expected: isOfLengths ? "texts" : "numbers of tokens, as only lengths of the job's data are known,",
    at: `jobs[${index}].sample.prompts`,
    got: sample.prompts[0],
  });
}

/**
 * The prompts of a job as rows of which nothing is scored, each in the form of the job's rows. `mostTokens`: of the model.
 * @throws InputError for one that leaves no room for its answer
 */
export async function samplePrompts(
  { data, sample, cutoffLength }: Pick<Job, "data" | "sample" | "cutoffLength">,
  index: number,
  file: string,
  { tokenizerFolder, mostTokens }: { readonly tokenizerFolder: string; readonly mostTokens: number },
): Promise<readonly Row[]> {
  if (sample === undefined || isLengthData(data)) return [];
  const tokenizer = loadTokenizer(tokenizerFolder);
  const form = await promptFormOf(data, file, tokenizer);
  const most = Math.min(cutoffLength, mostTokens - sample.maxTokens);
  return sample.prompts.map((prompt, at): Row => {
    const inputIds = Int32Array.from(promptIn(form, String(prompt), tokenizer));
    if (inputIds.length === 0 || inputIds.length > most)
      throw new InputError({
        expected: `a prompt of 1 to ${most} tokens`,
        at: `jobs[${index}].sample.prompts[${at}]`,
        got: `${inputIds.length} tokens`,
        ...(inputIds.length > cutoffLength ? { hint: `cutoffLength is ${cutoffLength}.` } : {}),
      });
    return { inputIds, labels: new Int32Array(inputIds.length).fill(NOT_SCORED) };
  });
}
