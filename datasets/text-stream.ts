import type { TextTokenizer } from "./tokenizer.ts";

/** What stands for bytes that are no whole character yet. */
const PART = "\ufffd";
/** Tokens in front of new ones with which these are decoded: decoders treat the start of a text in a way of its own. */
const CONTEXT = 6;

/**
 * The text of tokens as they come, up to the first stop text. A character that is not whole, and what may be the
 * beginning of a stop text, is held back until it is known.
 */
export class TextStream {
  readonly #tokenizer: Pick<TextTokenizer, "decode">;
  readonly #special: ReadonlySet<number>;
  readonly #stops: readonly string[];
  /** The last tokens that were decoded, and those whose text has not been taken. */
  #context: number[];
  #open: number[] = [];
  /** Decoded and held back. */
  #held = "";
  #isStopped = false;

  /** `before`: tokens in front of the first, which belong to the same text; none where the text begins with it. */
  constructor(
    tokenizer: Pick<TextTokenizer, "decode">,
    special: ReadonlySet<number>,
    stops: readonly string[],
    before: readonly number[],
  ) {
    this.#tokenizer = tokenizer;
    this.#special = special;
    this.#stops = stops.filter((text) => text !== "");
    this.#context = this.#plain(before).slice(-CONTEXT);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Text that is sure now. */
  push(token: number): string {
    if (this.#isStopped || this.#special.has(token)) return "";
    this.#open.push(token);
    const text = this.#decodeOpen();
    // A character has at most four bytes: what is no character after as many tokens never becomes one.
    if (text.endsWith(PART) && this.#open.length < 4) return "";
    this.#context = [...this.#context, ...this.#open].slice(-CONTEXT);
    this.#open = [];
    return this.#take(text);
  }

  /** What was held back, once no token comes any more. */
  end(): string {
    if (this.#isStopped) return "";
    const text = this.#held + (this.#open.length === 0 ? "" : this.#decodeOpen());
    [this.#held, this.#open] = ["", []];
    const stop = this.#firstStop(text);
    if (stop !== undefined) this.#isStopped = true;
    return stop === undefined ? text : text.slice(0, stop);
  }

  #plain(tokens: readonly number[]): number[] {
    return tokens.filter((token) => !this.#special.has(token));
  }

  #decodeOpen(): string {
    const known = this.#context.length === 0 ? "" : this.#tokenizer.decode(this.#context);
    const all = this.#tokenizer.decode([...this.#context, ...this.#open]);
    return all.startsWith(known) ? all.slice(known.length) : this.#tokenizer.decode(this.#open);
  }

  #firstStop(text: string): number | undefined {
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  #take(more: string): string {
    const text = this.#held + more;
    const stop = this.#firstStop(text);
    if (stop !== undefined) {
      this.#isStopped = true;
      this.#held = "";
      return text.slice(0, stop);
    }
    const most = Math.max(0, ...this.#stops.map((each) => each.length - 1));
    const isBeginning = (length: number): boolean => this.#stops.some((each) => each.startsWith(text.slice(-length)));
    let held = 0;
    for (let length = Math.min(most, text.length); length > 0 && held === 0; length -= 1)
      if (isBeginning(length)) held = length;
    this.#held = held === 0 ? "" : text.slice(-held);
    return held === 0 ? text : text.slice(0, -held);
  }
}
