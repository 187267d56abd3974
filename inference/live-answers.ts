import { DeviceError, InputError } from "../core/index.ts";
import { modelChatTemplate, type QuestionForm } from "../datasets/index.ts";
import { type AdapterChoice, type AnswerSource, BASE, formOf, openBase } from "./answer-source.ts";
import { Answerer } from "./answerer.ts";

export interface LiveAnswersInput {
  /** What is there now: adapters come and change while a run trains. */
  readonly source: () => AnswerSource;
  /** `cpu`, or `cuda:0`. */
  readonly device: string | undefined;
  /** Answers at a time, and tokens of a prompt with its answer. */
  readonly sequences: number;
  readonly context: number;
  /** After so long without a question the model's memory is given back. */
  readonly idleMs: number;
  /** Adapters that are kept on the device while nobody asks them. */
  readonly keptAdapters: number;
}

/** A name that can be asked. */
export interface AnsweringModel {
  readonly name: string;
  /** Of its file; undefined of the base. */
  readonly writtenMs: number | undefined;
}

/**
 * Answers of a run's base and adapters while these are still trained: the model is loaded with the first question, an
 * adapter with its first, and again once its file is another one.
 */
export class LiveAnswers implements Disposable {
  readonly #input: LiveAnswersInput;
  #answerer: Answerer | undefined;
  #template: { readonly text: string | undefined } | undefined;
  /** By the names of jobs, whose data do not change. */
  readonly #forms = new Map<string, Promise<QuestionForm>>();
  /** By the name on the device, how many ask it now; those asked last are behind. */
  readonly #asked = new Map<string, number>();
  /** Questions that are being answered. */
  #open = 0;
  #idle: NodeJS.Timeout | undefined;
  /** What changes the model and its adapters comes one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Told when the last question has been answered. */
  #whenFree: (() => void)[] = [];
  #hasFailed = false;
  #isOver = false;

  constructor(input: LiveAnswersInput) {
    this.#input = input;
  }

  /** Tokens of a prompt with its answer. */
  get context(): number {
    return this.#input.context;
  }

  /** Everything that can be asked now, the base first. */
  models(): readonly AnsweringModel[] {
    const { adapters } = this.#source();
    return [{ name: BASE, writtenMs: undefined }, ...adapters.map(({ name, writtenMs }) => ({ name, writtenMs }))];
  }

  /** The base model's. */
  get chatTemplate(): string | undefined {
    this.#template ??= { text: modelChatTemplate(this.#source().modelFolder) };
    return this.#template.text;
  }

  /** What questions to a name are put into. @throws InputError for a name that is not there, and data that are wrong */
  form(name: string): Promise<QuestionForm> {
    const choice = this.choice(name);
    const key = choice?.job.name ?? "";
    const form = this.#forms.get(key) ?? formOf(choice, this.chatTemplate !== undefined);
    this.#forms.set(key, form);
    // A file may be there the next time.
    form.catch(() => this.#forms.delete(key));
    return form;
  }

  /** What was trained under a name; undefined for the base. @throws InputError for one that is not there */
  choice(name: string): AdapterChoice | undefined {
    if (name === BASE) return undefined;
    const { adapters } = this.#source();
    const found = adapters.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new InputError({
      expected: "base, a job with an adapter or a checkpoint, JOB@best or JOB@STEP",
      at: "model",
      got: name,
    });
  }

  /** Calls `use` with an answerer that has the adapter, and its name there. @throws InputError, DeviceError */
  async ask<T>(name: string, use: (answerer: Answerer, adapter: string | undefined) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#take(name));
    this.#turn = turn.catch(() => {});
    const { answerer, adapter } = await turn;
    try {
      return await use(answerer, adapter);
    } catch (error) {
      // A device that has failed is not asked again.
      if (error instanceof DeviceError && this.#answerer === answerer) this.#hasFailed = true;
      throw error;
    } finally {
      this.#leave(adapter);
    }
  }

  /** A run that trains replaces files while its folder is read; what it had put away is not there the next time. */
  #source(): AnswerSource {
    return again(this.#input.source);
  }

  async #take(name: string): Promise<{ readonly answerer: Answerer; readonly adapter: string | undefined }> {
    if (this.#isOver) throw new InputError({ expected: "a server that goes on", at: "model", got: name });
    const choice = this.choice(name);
    clearTimeout(this.#idle);
    this.#open += 1;
    try {
      const answerer = await this.#answererFor(choice);
      if (choice === undefined) return { answerer, adapter: undefined };
      const adapter = this.#added(answerer, choice);
      const count = this.#asked.get(adapter) ?? 0;
      this.#asked.delete(adapter);
      this.#asked.set(adapter, count + 1);
      return { answerer, adapter };
    } catch (error) {
      this.#leave(undefined);
      throw error;
    }
  }

  async #answererFor(choice: AdapterChoice | undefined): Promise<Answerer> {
    const known = this.#hasFailed ? undefined : this.#answerer;
    if (known !== undefined && (choice === undefined || known.hasRoomFor(choice.job.adapter))) return known;
    if (this.#answerer !== undefined) {
      // Its rows would lose their cache.
      if (this.#open > 1) await new Promise<void>((resolve) => this.#whenFree.push(resolve));
      this.#giveBack();
    }
    const { device, sequences, context } = this.#input;
    const source = this.#source();
    this.#answerer = await Answerer.open({
      ...{ model: openBase(source), dtype: source.dtype, adapters: [], laterSpecs: source.specs },
      ...{ sequences, cacheTokens: sequences * context, device },
    });
    return this.#answerer;
  }

  /** The name on the device of an adapter, which is added where it is not there. */
  #added(answerer: Answerer, choice: AdapterChoice): string {
    const adapter = `${choice.name} of ${choice.writtenMs}`;
    if (this.#asked.has(adapter)) return adapter;
    this.#makeRoom(answerer);
    try {
      again(() => answerer.add(adapter, choice));
      return adapter;
    } catch (error) {
      // A newer checkpoint may have taken its place while it was read.
      const now = this.choice(choice.name);
      if (now === undefined || now.writtenMs === choice.writtenMs) throw error;
      return this.#added(answerer, now);
    }
  }

  #makeRoom(answerer: Answerer): void {
    for (const [adapter, count] of this.#asked) {
      if (this.#asked.size < this.#input.keptAdapters) return;
      if (count > 0) continue;
      answerer.remove(adapter);
      this.#asked.delete(adapter);
    }
  }

  #leave(adapter: string | undefined): void {
    this.#open -= 1;
    if (adapter !== undefined) this.#asked.set(adapter, this.#asked.get(adapter)! - 1);
    // Whoever waits to load the model anew counts itself.
    if (this.#open <= 1) for (const tell of this.#whenFree.splice(0)) tell();
    if (this.#open > 0) return;
    if (this.#isOver) this.#giveBack();
    else this.#idle = setTimeout(() => this.#giveBack(), this.#input.idleMs).unref();
  }

  #giveBack(): void {
    this.#answerer?.[Symbol.dispose]();
    this.#answerer = undefined;
    this.#hasFailed = false;
    this.#asked.clear();
  }

  /** Nothing is asked any more. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#idle);
    if (this.#open === 0) this.#giveBack();
  }
}

/** Does what reads a folder that another changes, once more where a file has gone. @throws InputError where it goes again */
function again<T>(read: () => T): T {
  const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
  try {
    return read();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  try {
    return read();
  } catch (error) {
    if (!isGone(error)) throw error;
    const file = (error as NodeJS.ErrnoException).path ?? "";
    throw new InputError({ expected: "an adapter that is still there", file, got: "no such file" }, { cause: error });
  }
}
