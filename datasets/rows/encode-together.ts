import type { TextTokenizer } from "../tokenizer.ts";

/** Characters that are tokenized at first for each token that is wanted, and beside them. */
const PER_TOKEN = 8;
const BESIDE = 4096;
/** Tokens at the end of a part of a text that may not be those of the whole. */
const UNSURE = 64;

type Encoder = Pick<TextTokenizer, "encode" | "sections">;

interface Section {
  readonly text: string;
  readonly ids: readonly number[];
}

function encodeSections({ encode, sections }: Encoder, text: string): readonly Section[] {
  return sections(text).map((section) => ({ text: section, ids: encode(section) }));
}

/**
 * A text's sections with their tokens; of a text with more than `most` tokens, those of a beginning that has more. Of a
 * long text only as much is tokenized as that takes, since tokenizers hold some hundred bytes a character. What follows
 * a piece of text does not change the tokens well before its end.
 */
function encodeMost(encoder: Encoder, text: string, most: number): readonly Section[] {
  for (let length = PER_TOKEN * most + BESIDE; length < text.length; length *= 4) {
    const sections = encodeSections(encoder, text.slice(0, length));
    if (sections.reduce((sum, { ids }) => sum + ids.length, 0) >= most + 1 + UNSURE) return sections;
  }
  return encodeSections(encoder, text);
}

function commonStart(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && a[count] === b[count]) count += 1;
  return count;
}

export interface TogetherEncoded {
  readonly ids: readonly number[];
  /** Where each part begins in `ids`. */
  readonly starts: readonly number[];
  /** Whether a token reaches from the part before into the one that begins here; it counts to the latter. */
  readonly joined: readonly boolean[];
}

/**
 * The tokens of parts written one after another, as the tokenizer makes them of the whole text; of more than `most`
 * only so many that it shows. A part begins at the first token that differs from those of the text before it alone:
 * whoever is given that text, as in inference, has exactly the tokens before.
 */
export function encodeTogether(encoder: Encoder, parts: readonly string[], most: number): TogetherEncoded {
  const ids: number[] = [];
  const starts: number[] = [];
  const joined: boolean[] = [];
  /** Characters before the section, and before the next part. */
  let done = 0;
  let border = 0;
  const begin = (start: number, isJoined: boolean): void => {
    border += parts[starts.length]!.length;
    starts.push(start);
    joined.push(isJoined);
  };
  for (const { text, ids: own } of encodeMost(encoder, parts.join(""), most)) {
    while (starts.length < parts.length && border < done + text.length) {
      const before = border === done ? [] : encoder.encode(text.slice(0, border - done));
      const count = commonStart(before, own);
      begin(ids.length + count, count < Math.min(before.length, own.length));
    }
    for (const id of own) ids.push(id);
    done += text.length;
  }
  while (starts.length < parts.length) begin(ids.length, false);
  if (ids.length <= most) return { ids, starts, joined };
  return {
    ids: ids.slice(0, most + 1),
    starts: starts.map((start) => Math.min(start, most + 1)),
    joined: joined.map((isJoined, part) => isJoined && starts[part]! <= most),
  };
}
