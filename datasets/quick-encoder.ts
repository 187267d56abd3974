import type { Tokenizer } from "@huggingface/tokenizers";
import type { Mapping } from "../core/index.ts";
import { cutBetweenMerges } from "./quick-bpe.ts";

/** What a tokenizer of @huggingface/tokenizers is made of, as far as its `encode` without special tokens goes through it. */
interface Parts {
  readonly splitter_unnormalized: { split(text: string): readonly string[] };
  readonly splitter_normalized: { split(text: string): readonly string[] };
  readonly added_tokens_map: ReadonlyMap<
    string,
    { readonly id: number; readonly lstrip: boolean; readonly rstrip: boolean }
  >;
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer: ((text: string) => readonly string[]) | null;
  readonly model: ((pieces: readonly string[]) => readonly string[]) & {
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    readonly unk_token_id: number | undefined;
    /** Whether unknown characters one after another are one token, in different pieces too. */
    readonly fuse_unk: boolean;
  };
  readonly remove_space?: boolean;
  readonly do_lowercase_and_remove_accent: boolean;
}

/** A step that cuts a text into pieces, and may write them otherwise. */
interface Step {
  pre_tokenize(text: string | readonly string[]): readonly string[];
}

/** Pieces, and characters of one, that are kept: some 30 MiB. */
const MOST_PIECES = 100_000;
const MOST_OF_A_PIECE = 64;

/** Post-processors that put special tokens around a text and do nothing else. */
const AROUND = ["TemplateProcessing", "ByteLevel"];

function isAround(processor: Mapping | null | undefined): boolean {
  if (processor == null) return true;
  if (processor["type"] !== "Sequence") return AROUND.some((type) => type === processor["type"]);
  return (processor["processors"] as readonly Mapping[]).every(isAround);
}

/**
 * How a text is cut into pieces that come again, such as words, and how these are written for the model. Byte-level
 * tokenizers write each byte as a character, once they have cut the text.
 */
function cutterOf(tokenizerJson: Mapping, { pre_tokenizer: whole }: Parts) {
  const cut = cutBetweenMerges(tokenizerJson["model"] as Mapping) ?? ((text: string) => [text]);
  const about = tokenizerJson["pre_tokenizer"] as Mapping | null;
  const steps = (whole as { readonly tokenizers?: readonly Step[] } | null)?.tokenizers ?? [];
  const last = (about?.["pretokenizers"] as readonly Mapping[] | undefined)?.at(-1);
  const bytes = steps.at(-1);
  if (
    bytes === undefined ||
    last?.["type"] !== "ByteLevel" ||
    last["use_regex"] !== false ||
    last["add_prefix_space"] !== false
  )
    return {
      cut: (text: string) => (whole === null ? [text] : whole(text)).flatMap(cut),
      write: (piece: string) => [piece],
    };
  const before = steps.slice(0, -1);
  return {
    cut: (text: string) => before.reduce<readonly string[]>((pieces, step) => step.pre_tokenize(pieces), [text]),
    write: (piece: string) => bytes.pre_tokenize(piece).flatMap(cut),
  };
}

/**
 * `encode` of a byte-pair tokenizer, without what is around a text: the same ids in a fraction of the time, since the ids
 * of a word are looked up, not its bytes, tokens and ids one after another. Undefined for a tokenizer that does more.
 * Before `quickenBpe`, which changes the tokenizer.
 */
export function quickEncoder(tokenizer: Tokenizer, tokenizerJson: Mapping): ((text: string) => number[]) | undefined {
  const parts = tokenizer as unknown as Parts;
  const { added_tokens_map: added, model, normalizer } = parts;
  const isPlain =
    (tokenizerJson["model"] as Mapping)["type"] === "BPE" &&
    isAround(tokenizerJson["post_processor"] as Mapping | null) &&
    parts.remove_space !== true &&
    !parts.do_lowercase_and_remove_accent &&
    [...added.values()].every(({ lstrip, rstrip }) => !lstrip && !rstrip);
  if (!isPlain) return undefined;
  const { cut, write } = cutterOf(tokenizerJson, parts);
  const idOf = (token: string): number => added.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id!;
  const known = new Map<string, readonly number[]>();
  const idsOf = (piece: string): readonly number[] => {
    const kept = known.get(piece);
    if (kept !== undefined) return kept;
    const ids = model(write(piece)).map(idOf);
    if (piece.length > MOST_OF_A_PIECE) return ids;
    if (known.size >= MOST_PIECES) known.clear();
    known.set(piece, ids);
    return ids;
  };
  const fused = model.fuse_unk ? model.unk_token_id : undefined;
  const addPieces = (ids: number[], pieces: readonly string[]): void => {
    let last = -1;
    for (const piece of pieces)
      for (const id of idsOf(piece)) {
        if (id !== last || id !== fused) ids.push(id);
        last = id;
      }
  };
  return (text) => {
    const ids: number[] = [];
    for (const section of parts.splitter_unnormalized.split(text)) {
      const token = added.get(section);
      if (token !== undefined) ids.push(token.id);
      else
        for (const rest of parts.splitter_normalized.split(normalizer === null ? section : normalizer(section))) {
          const other = added.get(rest);
          if (other !== undefined) ids.push(other.id);
          else if (rest !== "") addPieces(ids, cut(rest));
        }
    }
    return ids;
  };
}
