import { type Dataset, readDataset, type TextTokenizer } from "../datasets/index.ts";
import type { FileData } from "../plan/index.ts";

/** What a workload's or a plan's jobs share when their data are read. */
export interface JobDataContext {
  /** Relative paths start here. */
  readonly folder: string;
  readonly vocabularySize: number;
  /** Called only for formats that need one. */
  readonly tokenizer: () => TextTokenizer;
}

/** The rows of job `index`, cut and masked. @throws InputError */
export function readJobData(
  data: FileData,
  cutoffLength: number,
  index: number,
  { folder, vocabularySize, tokenizer }: JobDataContext,
): Promise<Dataset> {
  return readDataset(data, {
    ...(data.format === "tokens" ? {} : { tokenizer: tokenizer() }),
    cutoffLength,
    vocabularySize,
    baseFolder: folder,
    at: `jobs[${index}].data`,
  });
}
