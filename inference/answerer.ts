import { InputError } from "../core/index.ts";
import {
  type AskedPrompt,
  loadTokenizer,
  specialTokensOf,
  stopTokensOf,
  TextStream,
  type TextTokenizer,
} from "../datasets/index.ts";
import {
  checkSampling,
  type Generation,
  GREEDY,
  type ModelFolder,
  nativeInfo,
  type OpenGenerator,
  openGenerator,
  type Sampling,
  type SeenToken,
  weightsDigest,
} from "../exec/index.ts";
import type { AdapterSpec, Architecture, Dtype } from "../plan/index.ts";
import { PromptThread } from "../workbench/index.ts";
import type { AdapterChoice } from "./answer-source.ts";
import { type AnswerForm, Constraint, formAutomaton } from "./constraint/constraint.ts";
import { Vocabulary } from "./constraint/vocabulary.ts";

/** What answers are asked for. */
export interface AnswerRequest {
  readonly prompt: readonly number[];
  /** The name of an adapter; undefined for the base. */
  readonly adapter: string | undefined;
  readonly sampling: Sampling;
  readonly maxTokens: number;
  /** Texts that end the answer, and are not part of it. */
  readonly stop: readonly string[];
  /** Whether the model's own end tokens are drawn like others. */
  readonly ignoresEnd?: boolean;
  /** Whether the answer goes on with the prompt's text, as a completion does and a turn of a chat does not. */
  readonly continues: boolean;
  readonly topTokens?: number;
  readonly scoresPrompt?: boolean;
  /** Of which the answer is one. */
  readonly constraint?: Constraint | undefined;
  /** Texts of special tokens that are part of the answer's text, unlike others. */
  readonly kept?: ReadonlySet<string>;
  /** Told each piece of the text at once, with the tokens that have come since the one before. */
  readonly onText?: (text: string, tokens: readonly SeenToken[]) => void;
  readonly signal?: AbortSignal | undefined;
  /** Who asks, where several do. */
  readonly asker?: string | undefined;
}

export interface Answer extends Generation {
  readonly text: string;
}

export interface AnswererOptions {
  readonly model: ModelFolder;
  readonly dtype: Dtype;
  readonly adapters: readonly AdapterChoice[];
  /** Of adapters that may be added later. */
  readonly laterSpecs?: readonly AdapterSpec[];
  /** Answers at a time, and tokens of all their prompts and answers together. */
  readonly sequences: number;
  readonly cacheTokens: number;
  /** `cuda:0`, or all cores. */
  readonly device?: string | undefined;
}

/** A base model and adapters that answer in texts. */
export class Answerer implements Disposable {
  readonly #open: OpenGenerator;
  readonly #stops: ReadonlySet<number>;
  readonly #special: ReadonlySet<number>;
  readonly #architecture: Architecture;
  readonly tokenizer: TextTokenizer;
  readonly modelFolder: string;
  readonly #model: ModelFolder;
  readonly #prompts: PromptThread;
  /** By the special tokens that are kept. */
  readonly #vocabularies = new Map<string, Vocabulary>();

  /** @throws InputError, DeviceError */
  static async open(options: AnswererOptions): Promise<Answerer> {
    const { model, dtype, adapters, laterSpecs = [], sequences, cacheTokens } = options;
    const tokenizer = loadTokenizer(model.folder);
    // Before the model is loaded, which takes a while: a run that goes on removes checkpoints.
    const named = adapters.map(({ name, job, read }) => ({ name, spec: job.adapter, pairs: read(model.architecture) }));
    const device = deviceOf(options.device);
    const open = await openGenerator({ model, dtype, device, adapters: named, laterSpecs, sequences, cacheTokens });
    return new Answerer(open, tokenizer, model);
  }

  private constructor(open: OpenGenerator, tokenizer: TextTokenizer, model: ModelFolder) {
    this.#model = model;
    this.#prompts = new PromptThread(model.folder);
    this.#open = open;
    this.tokenizer = tokenizer;
    this.modelFolder = model.folder;
    this.#architecture = model.architecture;
    this.#stops = stopTokensOf(model.folder, tokenizer);
    this.#special = specialTokensOf(tokenizer);
  }

  /** The digest of what was loaded, over all bytes. */
  weightsDigest(): Promise<string | undefined> {
    return weightsDigest(this.#model);
  }

  /** Whether there is room for an adapter of this form. */
  hasRoomFor(spec: AdapterSpec): boolean {
    return this.#open.decoder.hasRoomFor(spec);
  }

  /** Adds an adapter for which there is room, under any name. @throws InputError, DeviceError */
  add(name: string, { job, read }: AdapterChoice): void {
    this.#open.decoder.add({ name, spec: job.adapter, pairs: read(this.#architecture) });
  }

  /** Gives an adapter's memory back, which nobody may be asking. */
  remove(name: string): void {
    this.#open.decoder.remove(name);
  }

  get vocabularySize(): number {
    return this.#architecture.vocabularySize;
  }

  /** Tokens that a prompt and its answer may have together. */
  get mostTokens(): number {
    return Math.min(this.#open.generator.mostTokens, this.#architecture.maxPositions);
  }

  /** The tokens of a prompt, made on another thread. @throws InputError, and DeviceError where the asker leaves */
  prompt(asked: AskedPrompt, signal?: AbortSignal): Promise<readonly number[]> {
    return this.#prompts.tokens(asked, signal);
  }

  /** @throws InputError for a prompt that is empty, too long, or has tokens that the model has not */
  checkPrompt(prompt: readonly number[]): void {
    if (prompt.length === 0)
      throw new InputError({ expected: "a prompt with at least one token", at: "prompt", got: "none" });
    const most = this.mostTokens;
    if (prompt.length >= most)
      throw new InputError({ expected: `a prompt of fewer than ${most} tokens`, at: "prompt", got: prompt.length });
    const { vocabularySize } = this.#architecture;
    const wrong = prompt.findIndex((token) => !(Number.isSafeInteger(token) && token >= 0 && token < vocabularySize));
    if (wrong < 0) return;
    throw new InputError({ expected: `a token from 0 to ${vocabularySize - 1}`, at: "prompt", got: prompt[wrong] });
  }

  /** Answers of a form. @throws InputError for a form that is not supported, or a tokenizer whose tokens are no bytes */
  constraint(form: AnswerForm, kept: ReadonlySet<string> = new Set()): Constraint {
    const automaton = formAutomaton(form);
    const key = [...kept].sort().join();
    const vocabulary = this.#vocabularies.get(key) ?? this.#vocabularyOf(kept);
    this.#vocabularies.set(key, vocabulary);
    return new Constraint(vocabulary, automaton);
  }

  #vocabularyOf(kept: ReadonlySet<string>): Vocabulary {
    const bytes = this.tokenizer.bytes(kept);
    if (bytes !== undefined) return new Vocabulary(bytes, this.#architecture.vocabularySize);
    throw new InputError({ expected: "a tokenizer whose tokens are bytes", got: "one with another decoder" });
  }

  /**
   * An answer of fewer tokens than asked for where the model, or the cache, has no more positions.
   * @throws InputError as `checkPrompt` does, and for a way of drawing that is none
   */
  async answer(request: AnswerRequest): Promise<Answer> {
    const { prompt, sampling, stop, onText } = request;
    checkSampling(sampling);
    this.checkPrompt(prompt);
    const maxTokens = Math.min(request.maxTokens, this.mostTokens - prompt.length);
    const before = request.continues ? prompt.slice(-8) : [];
    const { kept = new Set() } = request;
    const special = [...this.#special].filter((token) => kept.size === 0 || !kept.has(this.tokenizer.decode([token])));
    const stream = new TextStream(this.tokenizer, new Set(special), stop, before);
    const pieces: string[] = [];
    let untold: SeenToken[] = [];
    const tell = (text: string): void => {
      if (text === "") return;
      pieces.push(text);
      onText?.(text, untold);
      untold = [];
    };
    const { topTokens, scoresPrompt, signal, adapter, asker } = request;
    const generation = await this.#open.generator.generate({
      ...{ prompt, adapter, sampling, maxTokens, signal, asker, constraint: request.constraint?.begin() },
      ...(topTokens === undefined ? {} : { topTokens }),
      ...(scoresPrompt === undefined ? {} : { scoresPrompt }),
      stopTokens: request.ignoresEnd === true ? new Set() : this.#stops,
      onToken: (seen: SeenToken) => {
        untold.push(seen);
        tell(stream.push(seen.token));
        return stream.isStopped;
      },
    });
    tell(stream.end());
    if (untold.length > 0) onText?.("", untold);
    return { ...generation, text: pieces.join(""), end: stream.isStopped ? "stop" : generation.end };
  }

  /** Whether a token is no part of an answer's text, such as one that ends a turn. */
  isSpecial(token: number): boolean {
    return this.#special.has(token);
  }

  /** The text of tokens, without special ones. */
  textOf(tokens: readonly number[]): string {
    return this.tokenizer.decode(tokens.filter((token) => !this.#special.has(token)));
  }

  /** Log-probabilities of a sequence's tokens but the first, by an adapter or the base. */
  async score(tokens: readonly number[], adapter: string | undefined): Promise<readonly number[]> {
    const { promptLogProbabilities } = await this.#open.generator.generate({
      ...{ prompt: tokens, adapter, maxTokens: 0, stopTokens: new Set(), scoresPrompt: true },
      sampling: GREEDY,
    });
    return promptLogProbabilities;
  }

  [Symbol.dispose](): void {
    void this.#prompts[Symbol.asyncDispose]();
    this.#open[Symbol.dispose]();
  }
}

/** All cores, or a GPU. `at`: what names it. @throws InputError for what names neither */
export function deviceOf(name: string | undefined, at = "--device") {
  if (name === undefined || name === "cpu") return { name: "cpu:0", cores: nativeInfo().cores };
  const index = /^cuda:(\d+)$/.exec(name)?.[1];
  if (index === undefined) throw new InputError({ expected: "cpu, or cuda:0, cuda:1, ...", at, got: name });
  return { kind: "cuda", name, index: Number(index) } as const;
}
