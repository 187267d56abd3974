import type { AskedCandidate, CapacityQuestion } from "../capacity/index.ts";
import { type ErrorFacts, InputError } from "../core/index.ts";
import type { AskedPrompt, RowName, RowWork, TextTokenizer } from "../datasets/index.ts";
import type { Catalog, PackingProblem } from "../plan/index.ts";
import type { AskedFuture, DrawRequest } from "../sim/index.ts";
import type { AssumedVariation } from "../studies/index.ts";
import { packRows } from "./load/packed-rows.ts";

/** What some records became, without classes, which threads do not pass on. */
export interface PackedPart {
  /** The rows, packed. */
  readonly words: Int32Array<ArrayBuffer>;
  /** Which of the rows have a token that is partly scored. */
  readonly joined: readonly number[];
  /** Which of a preference the rows are, where they are of one: a pair has two one after another. */
  readonly names: readonly RowName[];
  /** What a person should look at of which of the rows. */
  readonly remarks: readonly (readonly [index: number, texts: readonly string[]])[];
  /** Columns of which nothing is made. */
  readonly ignored: readonly string[];
  /** Which of the records make no row, and why. */
  readonly refused: readonly (readonly [index: number, facts: ErrorFacts])[];
}

/** A prompt, for the tokenizer of a model folder, which is loaded where there is none. */
interface PromptTask {
  readonly tokenizerFolder: string;
  readonly asked: AskedPrompt | undefined;
  /** Of its texts, by which its time is limited. */
  readonly characters: number;
}

/** Part of a data source's records, for the tokenizer of a model folder. */
interface RowTask extends RowWork {
  readonly tokenizerFolder: string;
  /** Of the records' texts, by which their time is limited. */
  readonly characters: number;
  /** Shared memory in which stands which record is made a row of. */
  readonly turn: Int32Array;
}

/**
 * What worker threads can be asked for: pure functions of data that can be copied to them, so that it does not matter
 * who computes what. Each loads what it needs when it is asked for the first time, as a thread that begins is waited
 * for.
 */
export const WORKER_TASKS = {
  draws: async (request: DrawRequest) => (await import("../sim/index.ts")).drawFigures(request),
  variation: async ({ catalog, variation }: { readonly catalog: Catalog; readonly variation: AssumedVariation }) =>
    (await import("../studies/index.ts")).varyAssumption(catalog, variation),
  publishedGroup: async ({ group }: { readonly group: string }) =>
    (await import("../studies/index.ts")).predictWithoutGroup(group),
  capacityDraws: async (asked: AskedCandidate) => (await import("../capacity/index.ts")).simulatedCandidate(asked),
  capacityBest: async (question: CapacityQuestion) => (await import("../capacity/index.ts")).bestOf(question),
  fleetFuture: async (asked: AskedFuture) => (await import("../sim/index.ts")).futureElsewhere(asked),
  packing: async (request: { readonly problem: PackingProblem }) =>
    (await import("./predict/solve-packing.ts")).solvePacking(request),
  /** The tokens of a prompt; or what is wrong with it, or with the tokenizer. */
  prompt: async ({ tokenizerFolder, asked }: PromptTask): Promise<Int32Array | ErrorFacts> => {
    const { loadTokenizer, promptTokens } = await import("../datasets/index.ts");
    try {
      tokenizers[tokenizerFolder] ??= loadTokenizer(tokenizerFolder);
      return Int32Array.from(asked === undefined ? [] : promptTokens(asked, tokenizers[tokenizerFolder]));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.facts;
    }
  },
  /** What `makeRows` makes of records; or what is wrong with the tokenizer. */
  rows: async ({ tokenizerFolder, turn, ...work }: RowTask): Promise<PackedPart | ErrorFacts> => {
    const { loadTokenizer, makeRows } = await import("../datasets/index.ts");
    try {
      tokenizers[tokenizerFolder] ??= loadTokenizer(tokenizerFolder);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.facts;
    }
    const made = makeRows(work, tokenizers[tokenizerFolder], undefined, (index) => Atomics.store(turn, 0, index));
    const rows = made.flatMap((each) => ("rows" in each ? each.rows : []));
    return {
      words: packRows(rows),
      joined: rows.flatMap(({ isJoined }, index) => (isJoined === true ? [index] : [])),
      remarks: rows.flatMap(({ remarks }, index) => (remarks === undefined ? [] : [[index, remarks] as const])),
      names: rows.flatMap(({ name }) => name ?? []),
      ignored: [...new Set(made.flatMap((each) => ("rows" in each ? each.ignored : [])))],
      refused: made.flatMap((each, index) => ("rows" in each ? [] : [[index, each.refused.facts] as const])),
    };
  },
};

/** Of this thread, by folder. */
const tokenizers: Record<string, TextTokenizer> = {};

export type WorkerTask = keyof typeof WORKER_TASKS;
export type TaskInput<Name extends WorkerTask> = Parameters<(typeof WORKER_TASKS)[Name]>[0];
export type TaskResult<Name extends WorkerTask> = Awaited<ReturnType<(typeof WORKER_TASKS)[Name]>>;

export function runTask<Name extends WorkerTask>(task: Name, input: TaskInput<Name>): Promise<TaskResult<Name>> {
  return (WORKER_TASKS[task] as (input: TaskInput<Name>) => Promise<TaskResult<Name>>)(input);
}
