// Signs that a tokenizer is not the model's.
import type { TextTokenizer } from "./tokenizer.ts";

/** A mark of chat templates that every tokenizer of such a model has as one token. */
const MARK = /<[|\uff5c][^|\uff5c<>\s]{1,64}[|\uff5c]>|<(?:start|end)_of_turn>/g;

/** Rows of embeddings that a model may have beside its tokenizer's entries: DeepSeek's 2.4 % are the most of those published. */
const MOST_PADDED = { share: 0.05, count: 128 } as const;

/** Of a row's tokens, and the least tokens of a row of which that says something. */
const MOST_UNKNOWN = 0.5;
const LEAST_TOKENS = 8;

/** What a person should know of a tokenizer, and of a chat template that is used with it. */
export function tokenizerRemarks(tokenizer: TextTokenizer, template: string | undefined): readonly string[] {
  const { entries, vocabularySize, encode, ownTemplate, namedTexts } = tokenizer;
  const unused = vocabularySize - entries;
  const isOther = unused < 0 || (unused >= MOST_PADDED.count && unused > MOST_PADDED.share * vocabularySize);
  const written = template ?? ownTemplate ?? "";
  const marks = new Set([...namedTexts, ...[...written.matchAll(MARK)].map(([mark]) => mark)]);
  return [
    ...(isOther
      ? [
          `the tokenizer has ${entries} entries and the model a vocabulary of ${vocabularySize}: it may be another model's`,
        ]
      : []),
    ...[...marks].flatMap((mark) => {
      const count = encode(mark).length;
      return count > 1 ? [`${JSON.stringify(mark)} is ${count} tokens: the tokenizer may be another model's`] : [];
    }),
  ];
}

/** Whether most of a row's tokens stand for what the tokenizer does not know. */
export function isMostlyUnknown(ids: Int32Array, { unknownIds }: TextTokenizer): boolean {
  if (unknownIds.size === 0 || ids.length < LEAST_TOKENS) return false;
  let count = 0;
  for (const id of ids) count += Number(unknownIds.has(id));
  return count > MOST_UNKNOWN * ids.length;
}
