import { canonicalJson, InputError, isMapping } from "../../core/index.ts";
import { loadTokenizer, specialTokensOf, TextStream } from "../../datasets/index.ts";
import type { JobSample } from "../../exec/index.ts";
import { type FileLines, jsonLines } from "../../plan/index.ts";

/** A line of samples.jsonl: what was answered to a prompt after a step of a job. */
export interface SampleLine {
  readonly job: string;
  /** The step that the job has made last, from 0. */
  readonly step: number;
  readonly prompt: string;
  readonly by: "adapter" | "base";
  readonly text: string;
  /** Of the answer. */
  readonly tokens: number;
  /** Whether it ended by itself; it is cut where not. */
  readonly ended: boolean;
}

const KEYS = ["by", "ended", "job", "prompt", "step", "text", "tokens"].join();

/** The texts of tokens of a model; its tokenizer is read when it is needed. */
export class AnswerTexts {
  readonly #folder: string;
  #textOf: ((tokens: readonly number[]) => string) | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  of(tokens: readonly number[]): string {
    this.#textOf ??= this.#open();
    return this.#textOf(tokens);
  }

  #open(): (tokens: readonly number[]) => string {
    const tokenizer = loadTokenizer(this.#folder);
    const special = specialTokensOf(tokenizer);
    // Behind some text, since decoders take a space away in front of one.
    const before = tokenizer.encode("a");
    return (tokens) => {
      const stream = new TextStream(tokenizer, special, [], before);
      return tokens.map((token) => stream.push(token)).join("") + stream.end();
    };
  }
}

/** What was answered as such lines. */
export function linesOfSample({ job, step, answers }: JobSample, texts: AnswerTexts): readonly SampleLine[] {
  return answers.map(({ prompt, isByBase, tokens, hasEnded }) => ({
    ...{ job, step, prompt, by: isByBase ? "base" : "adapter" },
    ...{ text: texts.of(tokens), tokens: tokens.length, ended: hasEnded },
  }));
}

export function sampleLine(line: SampleLine): string {
  return canonicalJson(line);
}

/** The lines of samples.jsonl. @throws InputError with the line that is none */
export function readSamples(lines: FileLines, file: string): readonly SampleLine[] {
  const samples: SampleLine[] = [];
  for (const { value, line } of jsonLines(lines, file)) {
    const got = isMapping(value) ? Object.keys(value).sort() : value;
    if (!isMapping(value) || Object.keys(value).sort().join() !== KEYS)
      throw new InputError({ expected: `the keys ${KEYS.replaceAll(",", ", ")}`, file, line, got });
    const { job, step, prompt, by, text, tokens, ended } = value;
    const isRight =
      [job, prompt, text].every((each) => typeof each === "string") &&
      [step, tokens].every((each) => Number.isSafeInteger(each) && (each as number) >= 0) &&
      (by === "adapter" || by === "base") &&
      typeof ended === "boolean";
    if (!isRight) throw new InputError({ expected: "an answer to a prompt", file, line, got: value });
    samples.push(value as unknown as SampleLine);
  }
  return samples;
}
