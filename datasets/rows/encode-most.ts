import type { TextTokenizer } from "../tokenizer.ts";

/** Characters that are tokenized at first for each token that is wanted, and beside them. */
const PER_TOKEN = 8;
const BESIDE = 4096;
/** Tokens at the end of a part of a text that may not be those of the whole. */
const UNSURE = 64;

/**
 * The first tokens of a text: all, or more than `most` where it has more. Of a long text only as much is tokenized as
 * that takes, since tokenizers hold some hundred bytes a character. What follows a piece of text does not change the
 * tokens well before its end.
 */
export function encodeMost(
  { encode }: Pick<TextTokenizer, "encode">,
  text: string,
  special: boolean,
  most: number,
): readonly number[] {
  for (let length = PER_TOKEN * most + BESIDE; length < text.length; length *= 4) {
    const ids = encode(text.slice(0, length), special);
    if (ids.length >= most + 1 + UNSURE) return ids.slice(0, most + 1);
  }
  return encode(text, special);
}
