import type { Answer, Answerer } from "../../inference/index.ts";
import type { ChatLogprobs, CompletionLogprobs, SaidToken } from "./documents.ts";

type SeenToken = Answer["tokens"][number];
type Reader = Pick<Answerer, "tokenizer" | "isSpecial">;

/** Tokens in front of one with which it is decoded: decoders treat the start of a text in a way of its own. */
const CONTEXT = 6;
/** What stands for the logarithm of 0, and for what is no number, which JSON has not. */
const LEAST = -9999;

/** Texts of a choice's tokens, one after another. */
export class TokenTexts {
  readonly #reader: Reader;
  #before: readonly number[];
  /** Characters so far. */
  #length = 0;

  /** `before`: tokens of the same text in front of the first. */
  constructor(reader: Reader, before: readonly number[]) {
    this.#reader = reader;
    this.#before = before.filter((token) => !reader.isSpecial(token)).slice(-CONTEXT);
  }

  #textOf(token: number): string {
    const { tokenizer } = this.#reader;
    if (this.#reader.isSpecial(token)) return tokenizer.decode([token]);
    const known = this.#before.length === 0 ? "" : tokenizer.decode([...this.#before]);
    const all = tokenizer.decode([...this.#before, token]);
    return all.startsWith(known) ? all.slice(known.length) : tokenizer.decode([token]);
  }

  #take(token: number): { readonly text: string; readonly offset: number } {
    const text = this.#textOf(token);
    const offset = this.#length;
    // A special token is no part of a choice's text.
    if (!this.#reader.isSpecial(token)) {
      this.#length += text.length;
      this.#before = [...this.#before, token].slice(-CONTEXT);
    }
    return { text, offset };
  }

  /** As a chat's choice has the next tokens. */
  chat(tokens: readonly SeenToken[]): ChatLogprobs {
    const content = tokens.map(({ token, logProbability, top }) => {
      const others = top.map((each) => saidToken(this.#textOf(each.token), each.logProbability));
      return { ...saidToken(this.#take(token).text, logProbability), top_logprobs: others };
    });
    return { content, refusal: null };
  }

  /** As a completion's choice has the next tokens. */
  completion(tokens: readonly SeenToken[]): CompletionLogprobs {
    const all = emptyLogprobs();
    for (const { token, logProbability, top } of tokens) {
      const others = top.map((each) => [this.#textOf(each.token), finiteLog(each.logProbability)] as const);
      const { text, offset } = this.#take(token);
      all.tokens.push(text);
      all.token_logprobs.push(finiteLog(logProbability));
      // Of two tokens with one text, the more likely.
      all.top_logprobs.push(Object.fromEntries([[text, finiteLog(logProbability)], ...others.toReversed()]));
      all.text_offset.push(offset);
    }
    return all;
  }

  /** As a completion has the tokens of a prompt that it repeats. */
  prompt(tokens: readonly number[], logProbabilities: readonly number[]): CompletionLogprobs {
    const all = emptyLogprobs();
    tokens.forEach((token, index) => {
      const { text, offset } = this.#take(token);
      all.tokens.push(text);
      all.token_logprobs.push(index === 0 ? null : finiteLog(logProbabilities[index - 1]!));
      all.top_logprobs.push(null);
      all.text_offset.push(offset);
    });
    return all;
  }
}

export function emptyLogprobs(): CompletionLogprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
}

function finiteLog(value: number): number {
  return Number.isFinite(value) ? Math.max(value, LEAST) : LEAST;
}

function saidToken(token: string, logProbability: number): SaidToken {
  return {
    token,
    logprob: finiteLog(logProbability),
    bytes: token.includes("\ufffd") ? null : [...Buffer.from(token)],
  };
}
