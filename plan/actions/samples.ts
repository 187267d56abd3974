// Prompts that are answered while a job trains: the rows of a plan that stand for them, and what they take.
import { maximum, sum } from "../../core/index.ts";
import type { MicroBatch, PlannedRow } from "../documents/segment.ts";
import type { Room } from "../documents/setting.ts";

/** Sequences that are answered together at most: the rows of a run that decodes. */
export const MOST_SEQUENCES = 32;

/** Tokens of prompts in a run at most. */
export const MOST_PROMPT_TOKENS = 256;

/** A prompt with its answer. */
export interface SampledSequence {
  /** The job whose adapter answers; undefined for the base. */
  readonly job: number | undefined;
  /** The row of the data of the job that has asked. */
  readonly row: number;
  readonly asker: number;
  readonly promptTokens: number;
  readonly maxTokens: number;
}

/** Whether a micro-batch is prompts that are answered. */
export function isSample({ rows }: { readonly rows: readonly PlannedRow[] }): boolean {
  return rows[0]?.[4]?.generates !== undefined;
}

function sequencesOf([job, row, tokens, , compared]: PlannedRow): readonly SampledSequence[] {
  const { answers, generates } = compared!;
  const own = { row, asker: job, promptTokens: answers[0]![0], maxTokens: generates! };
  return tokens > own.promptTokens
    ? [
        { ...own, job },
        { ...own, job: undefined },
      ]
    : [{ ...own, job }];
}

/** Tokens of a forward that takes as long as one that makes a token of every answer, about: it reads all weights. */
const DECODED_TOKENS = 32;

/** Tokens of a forward that takes about as long as answers of so many tokens to some prompts. */
export function answeredTokens(promptTokens: number, maxTokens: number): number {
  return promptTokens + DECODED_TOKENS * maxTokens;
}

/** Tokens of a forward that takes about as long as a micro-batch of an evaluation. */
export function evaluatedTokens(microBatch: Pick<MicroBatch, "rows">): number {
  const tokens = sum(microBatch.rows.map((row) => row[2]));
  if (!isSample(microBatch)) return tokens;
  return answeredTokens(tokens, maximum(microBatch.rows.map((row) => row[4]!.generates!)));
}

/** The sequences of a micro-batch of prompts: of each row the adapter's, and the base's where it answers too. */
export function sampledSequences({ rows }: Pick<MicroBatch, "rows">): readonly SampledSequence[] {
  return rows.flatMap(sequencesOf);
}

/** The room that samples among micro-batches need. */
export function sampleRoom(microBatches: readonly Pick<MicroBatch, "rows">[]): Pick<Room, "sample"> {
  const samples = microBatches.filter(isSample).map(sampledSequences);
  if (samples.length === 0) return {};
  return {
    sample: {
      sequences: maximum(samples.map(({ length }) => length)),
      tokens: maximum(samples.flat().map(({ promptTokens, maxTokens }) => promptTokens + maxTokens)),
    },
  };
}

/** One run of a sample, so often: what sequences have in it, and before it. */
export interface SampleRun {
  readonly times: number;
  readonly sequences: readonly {
    readonly job: number | undefined;
    /** Tokens of it in the run, and of those before it, which the cache has; they may be means. */
    readonly tokens: number;
    readonly past: number;
  }[];
}

/**
 * The runs that answer prompts: the prompts, evenly in as few runs as have room for them, then token by token, those of
 * all times with the mean of what came before. Every answer is as long as it may be.
 */
export function sampleRuns(microBatch: Pick<MicroBatch, "rows">): readonly SampleRun[] {
  const sequences = sampledSequences(microBatch);
  const prompts = Math.ceil(sum(sequences.map(({ promptTokens }) => promptTokens)) / MOST_PROMPT_TOKENS);
  const runs: SampleRun[] = [
    {
      times: prompts,
      sequences: sequences.map(({ job, promptTokens }) => ({
        ...{ job, tokens: promptTokens / prompts },
        past: (promptTokens - promptTokens / prompts) / 2,
      })),
    },
  ];
  // The first token of an answer comes of the prompt's run. Answers of fewer tokens end before others.
  const ends = [...new Set(sequences.map(({ maxTokens }) => maxTokens))].sort((a, b) => a - b);
  let made = 1;
  for (const end of ends) {
    const times = end - made;
    if (times <= 0) continue;
    const going = sequences.filter(({ maxTokens }) => maxTokens >= end);
    const before = made - 1 + (times - 1) / 2;
    runs.push({
      times,
      sequences: going.map(({ job, promptTokens }) => ({ job, tokens: 1, past: promptTokens + before })),
    });
    made = end;
  }
  return runs;
}
