import type { FileSource } from "../data-source.ts";

/** Where libraries differ in what they make of the same row. */
export interface Reading {
  /**
   * What is tokenized piece by piece, which lets some tokenizers put a space before an answer: prompt and response of
   * texts, and the turns of conversations too.
   */
  readonly apart: "nothing" | "texts" | "all";
  /** Whether an answer in texts may be empty: its end token is then all that is scored. */
  readonly takesEmpty: boolean;
  /** What is scored of a conversation: the assistant's turns, all turns without the words around them, or every token. */
  readonly scored: "answers" | "turns" | "all";
  /** Where an answer begins: behind what asks for it, or where its text does. */
  readonly answerBegins: "asked" | "text";
  /**
   * Where it ends: at the token that ends the turn, or behind the white space that the template writes after it. `eos`:
   * at the tokenizer's end token, and at its text where the template ends the turn otherwise.
   */
  readonly answerEnds: "token" | "space" | "eos";
  /** Whether of an answer without text the end token is scored. */
  readonly scoresEmpty: boolean;
  /** Of a prompt and a completion of messages: the completion's answers, all that follows the prompt, or every token. */
  readonly completion: "answers" | "rest" | "all";
  /** What instruction and output are written in: our words, those of Stanford Alpaca, or the chat template. */
  readonly instruction: "plain" | "alpaca" | "chat";
  /** Whether ShareGPT's `human` and `gpt` become the template's `user` and `assistant`. */
  readonly namesRoles: boolean;
  /** Whether turns have to alternate, the user's first and the assistant's last. */
  readonly alternates: boolean;
  /** Whether the template is told of tools. */
  readonly writesTools: boolean;
  /** Whether a text begins with the token that the tokenizer puts in front. */
  readonly textHasBos: boolean;
  /** Whether white space at the end of a conversation is cut off. */
  readonly trimsEnd: boolean;
  /** Whether both answers of a pair begin at the same token: where a token joins the prompt to one, in both. */
  readonly sharesStart: boolean;
  /** What becomes of a row that is longer than the cutoff. */
  readonly tooLong: "cut" | "dropped";
}

/** Ours: what a careful user wants. */
const OURS: Reading = {
  apart: "nothing",
  takesEmpty: false,
  scored: "answers",
  answerBegins: "asked",
  answerEnds: "token",
  scoresEmpty: true,
  completion: "answers",
  instruction: "plain",
  namesRoles: true,
  alternates: false,
  writesTools: true,
  textHasBos: true,
  trimsEnd: false,
  sharesStart: false,
  tooLong: "cut",
};

/** By the libraries' defaults: TRL 1.16.0, Axolotl 0.21.0, LLaMA-Factory 0.9.5. */
const READINGS: Readonly<Record<NonNullable<FileSource["like"]>, Reading>> = {
  trl: {
    ...OURS,
    takesEmpty: true,
    scored: "all",
    answerEnds: "space",
    completion: "rest",
    namesRoles: false,
    sharesStart: true,
  },
  axolotl: {
    ...OURS,
    apart: "texts",
    takesEmpty: true,
    answerBegins: "text",
    answerEnds: "eos",
    scoresEmpty: false,
    instruction: "alpaca",
    tooLong: "dropped",
  },
  llamafactory: {
    ...OURS,
    apart: "all",
    takesEmpty: true,
    answerEnds: "space",
    instruction: "chat",
    alternates: true,
    writesTools: false,
    textHasBos: false,
  },
};

/** How a source's rows are read. A choice of turns is one of answers. */
export function readingOf({ like, turns, trainOnInputs }: FileSource): Reading {
  const reading = like === undefined ? OURS : READINGS[like];
  if (trainOnInputs === false) return { ...reading, scored: "answers", completion: "answers" };
  if (trainOnInputs === true) return { ...reading, scored: like === "axolotl" ? "turns" : "all", completion: "all" };
  if (turns === undefined) return reading;
  return { ...reading, scored: "answers", completion: "answers", sharesStart: false };
}

/** How answers that are compared are read: Axolotl writes all of them by the chat template. */
export function comparedReading(source: FileSource): Reading {
  const reading = readingOf(source);
  return source.like === "axolotl"
    ? { ...reading, apart: "nothing", instruction: "chat", trimsEnd: true, sharesStart: source.turns === undefined }
    : reading;
}
