import type { Tokenizer } from "@huggingface/tokenizers";
import type { Mapping } from "../core/index.ts";

/** What the byte-pair model of @huggingface/tokenizers asks before it merges a piece, and tells afterwards. */
interface PieceCache {
  get(piece: string): readonly string[] | undefined;
  put(piece: string, tokens: readonly string[]): void;
  clear(): void;
}

/** Pieces of a few characters: some 20 MiB. */
const MOST_PIECES = 100_000;

/** The library's own moves a piece to its end whenever it is found, which takes longer than merging a short one. */
function pieceCache(): PieceCache {
  const known = new Map<string, readonly string[]>();
  return {
    get: (piece) => known.get(piece),
    put(piece, tokens) {
      if (known.size >= MOST_PIECES) known.clear();
      known.set(piece, tokens);
    },
    clear: () => known.clear(),
  };
}

/** Two UTF-16 units as one number that the engine keeps without a box. */
function pair(left: number, right: number): number {
  return (left << 16) | right;
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}

/** Words are what comes again, so that they are not cut. */
function isInsideWord(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x30 && unit <= 0x39);
}

/** Shorter ones are words, or have been cut into words by the tokenizer. */
const LEAST_UNITS = 32;

/**
 * Cuts a text where no merge can join what is left and right of the cut: no merge has a left part that ends with the
 * one character and a right part that begins with the other. The tokens stay the same, since merges of one piece do not
 * depend on those of another. Undefined for a model whose tokens follow from more than merges.
 */
export function cutBetweenMerges(model: Mapping): ((text: string) => readonly string[]) | undefined {
  const { type, merges } = model;
  if (type !== "BPE" || !Array.isArray(merges)) return undefined;
  const others = ["ignore_merges", "dropout", "end_of_word_suffix", "continuing_subword_prefix"];
  if ([...others, "continuing_subword_suffix"].some((key) => Boolean(model[key]))) return undefined;
  const joined = new Set<number>();
  for (const merge of merges as readonly (string | readonly [string, string])[]) {
    const [left, right] = typeof merge === "string" ? merge.split(" ", 2) : merge;
    joined.add(pair(left!.charCodeAt(left!.length - 1), right!.charCodeAt(0)));
  }
  return (text) => {
    if (text.length < LEAST_UNITS) return [text];
    const pieces: string[] = [];
    let start = 0;
    let left = text.charCodeAt(0);
    for (let at = 1; at < text.length; at += 1) {
      const right = text.charCodeAt(at);
      if (!isInsideWord(right) && !isLowSurrogate(right) && !joined.has(pair(left, right))) {
        pieces.push(text.slice(start, at));
        start = at;
      }
      left = right;
    }
    pieces.push(text.slice(start));
    return pieces;
  };
}

/**
 * Makes a byte-pair tokenizer give the same tokens in less time: a model that has its texts whole (Llama's) merges each
 * word once, not each text. `tokenizerJson` is what the tokenizer was made of.
 */
export function quickenBpe(tokenizer: Tokenizer, tokenizerJson: Mapping): void {
  const model = tokenizer.model as { cache?: unknown } | null;
  if (typeof model?.cache !== "object") return;
  model.cache = pieceCache();
  const cut = cutBetweenMerges(tokenizerJson["model"] as Mapping);
  if (cut === undefined) return;
  type PreTokenizer = NonNullable<Tokenizer["pre_tokenizer"]>;
  const before = tokenizer.pre_tokenizer as ((text: string, options?: unknown) => readonly string[]) | null;
  const pieces = (text: string, options?: unknown): readonly string[] =>
    before === null ? cut(text) : before(text, options).flatMap(cut);
  tokenizer.pre_tokenizer = pieces as unknown as PreTokenizer;
}
