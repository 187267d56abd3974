import type { Tokenizer } from "@huggingface/tokenizers";

/** What the tokenizer of @huggingface/tokenizers knows of tokens that stand in a text as they are, such as </s>. */
interface AddedTokens {
  readonly splitter_unnormalized: { split(text: string): readonly string[] };
  readonly added_tokens_map: ReadonlyMap<string, { readonly lstrip: boolean; readonly normalized: boolean }>;
  readonly normalizer: unknown;
}

/**
 * Cuts a text so that each piece has the tokens that it has within the whole: before added tokens, at which tokenizers
 * cut before anything else. Not before one that takes the space in front, and not before one that is looked for in the
 * normalized text.
 */
export function createSections(tokenizer: Tokenizer): (text: string) => readonly string[] {
  const added = tokenizer as unknown as AddedTokens;
  const begins = (piece: string): boolean => {
    const token = added.added_tokens_map.get(piece);
    return token !== undefined && !token.lstrip && !(token.normalized && added.normalizer !== null);
  };
  return (text) => {
    const sections: string[] = [];
    let start = 0;
    let at = 0;
    for (const piece of added.splitter_unnormalized.split(text)) {
      if (at > start && begins(piece)) {
        sections.push(text.slice(start, at));
        start = at;
      }
      at += piece.length;
    }
    if (text.length > start) sections.push(text.slice(start));
    return sections;
  };
}
