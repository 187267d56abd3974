import { DeviceError, InputError } from "../../core/index.ts";
import type { AskedPrompt } from "../../datasets/index.ts";
import { builtWorker, type WorkerOptions, WorkerThreads } from "../in-workers.ts";
import { tokenizerLimits } from "./rows-in-workers.ts";

/** A tokenizer is loaded in the time that as many characters may take. */
const LOADING = 1e6;

interface OfFolder {
  readonly tokenizerFolder: string;
}

/**
 * Makes tokens of prompts on a thread of its own, one after another, within limits: a chat template that a person or a
 * model brought may never end. One that took too long has cost its thread, and the next prompt begins another.
 */
export class PromptThread implements AsyncDisposable {
  readonly #folder: string;
  readonly #options: WorkerOptions;
  #threads: WorkerThreads<"prompt", OfFolder> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(tokenizerFolder: string, options: WorkerOptions = {}) {
    this.#folder = tokenizerFolder;
    this.#options = { file: builtWorker(), ...options, workers: 1 };
  }

  /**
   * The tokens of what is asked. `signal`: of whoever asks, and may leave.
   * @throws InputError for what is refused, and a template that takes too much; DeviceError where it is broken off
   */
  tokens(asked: AskedPrompt, signal?: AbortSignal): Promise<readonly number[]> {
    const made = this.#turn.then(() => this.#make(asked, signal));
    this.#turn = made.catch(() => {});
    return made;
  }

  async #make(asked: AskedPrompt, signal: AbortSignal | undefined): Promise<readonly number[]> {
    if (signal?.aborted === true) throw new DeviceError({ expected: "somebody who waits for an answer" });
    const leave = (): void => void this[Symbol.asyncDispose]();
    signal?.addEventListener("abort", leave);
    try {
      if (this.#threads === undefined) await this.#ask(undefined, LOADING);
      return await this.#ask(asked, JSON.stringify(asked).length);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  async #ask(asked: AskedPrompt | undefined, characters: number): Promise<readonly number[]> {
    const limits = tokenizerLimits(this.#folder, () => ({ work: "prompt" }));
    this.#threads ??= new WorkerThreads("prompt", { tokenizerFolder: this.#folder }, 1, this.#options, limits);
    const [result] = await this.#threads.run([{ asked, characters }]);
    if (result instanceof Int32Array) return Array.from(result);
    throw new InputError(result!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const threads = this.#threads;
    this.#threads = undefined;
    await threads?.[Symbol.asyncDispose]();
  }
}
