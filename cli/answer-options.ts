import { InputError } from "../core/index.ts";
import { checkSampling, type Sampling } from "../exec/index.ts";
import {
  type AdapterChoice,
  Answerer,
  type AnswerSource,
  chosenAdapters,
  findAnswerSource,
  openBase,
  type RowForm,
} from "../inference/index.ts";
import { DTYPE_WORDS, type Dtype, dtypeHint, dtypeSchema } from "../plan/index.ts";
import { type Arguments, optionalCount, optionalNumber, optionalText, requiredText } from "./command.ts";
import type { Io } from "./io.ts";
import type { OptionTable } from "./option-table.ts";
import { contextOf } from "./request-options.ts";

/** Which model and adapters answer, and on what. */
export const SOURCE_OPTIONS = {
  adapters: {
    type: "string",
    describe: "who answers: base, jobs, job@best, job@120 (a checkpoint), with commas; all jobs and base when absent",
  },
  base: { type: "string", describe: "the base model's folder, if it is not where it was trained" },
  device: { type: "string", describe: "cpu (default), or cuda:0" },
  dtype: {
    type: "string",
    choices: dtypeSchema.options,
    words: DTYPE_WORDS,
    hint: dtypeHint,
    describe: "how the base model's weights are kept; as they were trained on when absent",
  },
  sequences: { type: "number", default: 8, describe: "answers that are made at a time" },
} as const satisfies OptionTable;

/** How rows of a file are read. */
export const ROW_FORM_OPTIONS = {
  format: {
    type: "string",
    choices: ["instruction", "chat", "text", "tokens", "segments"],
    describe: "how rows are read; as those of the first adapter when absent",
    beside: "data",
  },
  "row-prompt": { type: "string", describe: "template of a row's question, with {{field}}", beside: "data" },
  "row-response": { type: "string", describe: "template of a row's answer, with {{field}}", beside: "row-prompt" },
  split: { type: "string", describe: "files of a folder, or the list of a JSON object", beside: "data" },
  limit: { type: "number", describe: "only the first so many rows", beside: "data" },
} as const satisfies OptionTable;

/** How tokens are drawn. */
export const SAMPLING_OPTIONS = {
  temperature: { type: "number", default: 0, describe: "0: the most likely token; 1: as likely as the model says" },
  "top-k": { type: "number", default: 0, describe: "only the k most likely tokens; 0: all" },
  "top-p": { type: "number", default: 1, describe: "only the most likely tokens that together have this probability" },
  "min-p": {
    type: "number",
    default: 0,
    describe: "only tokens at least so likely, as a share of the most likely one",
  },
  seed: { type: "number", default: 0, describe: "the same seed gives the same answers" },
} as const satisfies OptionTable;

export function samplingChoice(args: Arguments): Sampling {
  const sampling = {
    temperature: optionalNumber(args, "temperature") ?? 0,
    topK: optionalNumber(args, "top-k", 0) ?? 0,
    topP: optionalNumber(args, "top-p") ?? 1,
    minP: optionalNumber(args, "min-p") ?? 0,
    seed: optionalNumber(args, "seed", 0) ?? 0,
  };
  try {
    checkSampling(sampling);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // As it is typed: topK is --top-k.
    const flagName = error.facts.at!.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InputError({ ...error.facts, at: `--${flagName}` }, { cause: error });
  }
  return sampling;
}

export function rowFormChoice(args: Arguments): RowForm {
  const [format, prompt, response] = ["format", "row-prompt", "row-response"].map((name) => optionalText(args, name));
  const [split, limit] = [optionalText(args, "split"), optionalCount(args, "limit")];
  return {
    ...(format === undefined ? {} : { format: format as NonNullable<RowForm["format"]> }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(response === undefined ? {} : { response }),
    ...(split === undefined ? {} : { split }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** Texts of an option that may be given several times. */
export function severalTexts(args: Arguments, name: string): readonly string[] {
  const value = args[name];
  const all: readonly unknown[] = value === undefined ? [] : [value].flat();
  const wrong = all.find((text) => typeof text !== "string");
  if (wrong !== undefined) throw new InputError({ expected: "a text", at: `--${name}`, got: wrong });
  return all as readonly string[];
}

/** What was chosen before anything is loaded. */
export interface AnswerChoice {
  readonly source: AnswerSource;
  /** Undefined: the base. */
  readonly chosen: readonly (AdapterChoice | undefined)[];
  readonly sequences: number;
}

export function answerChoice(io: Io, args: Arguments): AnswerChoice {
  const source = findAnswerSource(io, requiredText(args, "from"), optionalText(args, "base"));
  return {
    source,
    chosen: chosenAdapters(source, optionalText(args, "adapters")),
    sequences: optionalCount(args, "sequences") ?? 8,
  };
}

/**
 * Loads the base and the adapters, and says what a person should know of them. `tokens`: of a prompt with its answer, at
 * most.
 */
export async function openAnswerer(io: Io, args: Arguments, choice: AnswerChoice, tokens: number): Promise<Answerer> {
  const { during, note, warn } = contextOf(io, args);
  const { source, chosen } = choice;
  const sequences = Math.max(1, choice.sequences);
  const open = (adapters: AnswerChoice["chosen"]): Promise<Answerer> => {
    const model = openBase(source);
    const most = Math.min(tokens, model.architecture.maxPositions);
    return Answerer.open({
      model,
      dtype: (optionalText(args, "dtype") as Dtype | undefined) ?? source.dtype,
      adapters: adapters.filter((each) => each !== undefined),
      ...{ sequences, cacheTokens: sequences * most },
      device: optionalText(args, "device"),
    });
  };
  const answerer = await during("loading the model", async () => {
    try {
      return await open(chosen);
    } catch (error) {
      // A run that goes on puts a newer checkpoint in an older one's place.
      const { chosen: now } = answerChoice(io, args);
      const isSame = now.every((each, index) => each?.writtenMs === chosen[index]?.writtenMs);
      if (isSame || !(error instanceof InputError)) throw error;
      return await open(now);
    }
  });
  for (const { name, step, job } of chosen.filter((each) => each !== undefined))
    if (step !== undefined && step < job.steps && !name.endsWith(`@${step}`))
      note(`${name} answers as it was after step ${step} of ${job.steps}`);
  const weights = source.weights === undefined ? undefined : await answerer.weightsDigest();
  if (weights !== undefined && weights !== source.weights)
    warn(`${answerer.modelFolder} has other weights than the run was trained on: answers and losses mean little.`);
  return answerer;
}
