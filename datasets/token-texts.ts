import { NOT_SCORED } from "./row.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/** Tokens that have a text together: mostly one, several where each is a part of a character. */
export interface TokenPiece {
  readonly ids: readonly number[];
  /** Undefined where there is no tokenizer. */
  readonly text: string | undefined;
  readonly isScored: boolean;
  readonly isSpecial: boolean;
}

/** What stands for bytes that are no whole character. */
const PART = "\ufffd";

/** The texts of tokens one by one, which put together are the text that the row was made of. */
export class TokenTexts {
  readonly #tokenizer: TextTokenizer | undefined;
  readonly #known = new Map<number, string>();
  readonly #special = new Set<number>();
  /** A token before others, since decoders take a space away in front of a text. */
  readonly #anchor: number | undefined;
  readonly #anchorText: string = "";

  constructor(tokenizer: TextTokenizer | undefined) {
    this.#tokenizer = tokenizer;
    if (tokenizer === undefined) return;
    for (const text of tokenizer.specialTexts) {
      const ids = tokenizer.encode(text);
      if (ids.length === 1) this.#special.add(ids[0]!);
    }
    const anchor = tokenizer.encode("a").at(-1);
    if (anchor === undefined) return;
    this.#anchor = anchor;
    this.#anchorText = tokenizer.decode([anchor]);
  }

  /** The tokens from `start` to `end` of a row. `labels[0]` never counts, whatever it is. */
  pieces(inputIds: ArrayLike<number>, labels: ArrayLike<number>, start: number, end: number): readonly TokenPiece[] {
    const pieces: TokenPiece[] = [];
    const scored = (at: number): boolean => labels[at] !== NOT_SCORED;
    let at = start;
    while (at < end) {
      const id = inputIds[at]!;
      const isLabelled = scored(at);
      const isSpecial = this.#special.has(id);
      let ids: readonly number[] = [id];
      let text = this.#textOf(id);
      if (text?.includes(PART) === true && !isSpecial) {
        // A character has at most four bytes.
        for (let more = 2; more <= 4 && at + more <= end && scored(at + more - 1) === isLabelled; more += 1) {
          const several = Array.from({ length: more }, (_, index) => inputIds[at + index]!);
          const together = this.#decode(several);
          if (together.includes(PART)) continue;
          [ids, text] = [several, together];
          break;
        }
      }
      pieces.push({ ids, text, isScored: isLabelled && at + ids.length > 1, isSpecial });
      at += ids.length;
    }
    return pieces;
  }

  #textOf(id: number): string | undefined {
    if (this.#tokenizer === undefined) return undefined;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const text = this.#decode([id]);
    this.#known.set(id, text);
    return text;
  }

  #decode(ids: readonly number[]): string {
    const tokenizer = this.#tokenizer!;
    if (this.#anchor === undefined) return tokenizer.decode(ids);
    const text = tokenizer.decode([this.#anchor, ...ids]);
    return text.startsWith(this.#anchorText) ? text.slice(this.#anchorText.length) : tokenizer.decode(ids);
  }
}
