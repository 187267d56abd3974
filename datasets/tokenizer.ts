import fs from "node:fs";
import path from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { InputError, isMapping, type Mapping } from "../core/index.ts";
import { readWholeText } from "../files/index.ts";
import { compileTemplate, GENERATION_MARK, markGeneration } from "./chat-template.ts";
import { quickenBpe } from "./quick-bpe.ts";
import { quickEncoder } from "./quick-encoder.ts";
import { createSections } from "./sections.ts";
import { byteFormOf, tokenBytes } from "./token-bytes.ts";

/** A message as chat templates take it: other keys, such as `tool_calls` and `reasoning_content`, are the template's. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly [key: string]: unknown;
}

/** A model's tokenizer with what its config files say about special tokens. */
export interface TextTokenizer {
  /** Token ids are below this. */
  readonly vocabularySize: number;
  /** Entries of the tokenizer itself, up to the largest id. */
  readonly entries: number;
  /** Of what it does not know, byte by byte or as a whole. */
  readonly unknownIds: ReadonlySet<number>;
  readonly bosId: number | undefined;
  readonly eosId: number;
  readonly eosText: string;
  readonly hasChatTemplate: boolean;
  /** The model's chat template. */
  readonly ownTemplate: string | undefined;
  /** What the tokenizer puts around a text, such as <s> in front. */
  readonly around: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** A text's tokens, without those around it. */
  encode(text: string): readonly number[];
  /** A text in pieces that have the tokens, each by itself, which they have together. */
  sections(text: string): readonly string[];
  decode(ids: readonly number[]): string;
  /**
   * The bytes of each token as characters from U+0000 to U+00FF, by ids; undefined of special tokens but those in `kept`,
   * and of ids without a token. Undefined where the tokenizer's tokens are no bytes.
   */
  bytes(kept: ReadonlySet<string>): readonly (string | undefined)[] | undefined;
  /** Texts of special tokens, such as those that end a turn. */
  readonly specialTexts: readonly string[];
  /** Those that tokenizer_config.json names, such as its eos_token. */
  readonly namedTexts: readonly string[];
  /** @throws InputError when there is no chat template, or it refuses the messages */
  renderChat(messages: readonly ChatMessage[], addGenerationPrompt: boolean, more?: ChatOptions): string;
}

/** What a chat template is given beside messages. */
export interface ChatOptions {
  readonly tools?: unknown;
  /** Variables by their names. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The text of a template in place of the model's. */
  readonly template?: string | undefined;
  /** With `GENERATION_MARK` around what the template marks as the assistant's. */
  readonly isMarked?: boolean;
}

function readJson(file: string, required: boolean): Mapping {
  if (!fs.existsSync(file)) {
    if (!required) return {};
    throw new InputError({
      expected: path.basename(file),
      file,
      got: "no such file",
      hint: "A model folder needs its tokenizer files.",
    });
  }
  const text = readWholeText(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError({ expected: "JSON", file, got: (cause as Error).message }, { cause });
  }
  if (isMapping(value)) return value;
  throw new InputError({ expected: "a JSON object", file, got: value });
}

/** A special token in a config file is its text, or an object with it under "content". */
function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}

function chatTemplateOf(folder: string, config: Mapping): string | undefined {
  const file = path.join(folder, "chat_template.jinja");
  if (fs.existsSync(file)) return readWholeText(file);
  const inside = config["chat_template"];
  if (typeof inside === "string") return inside;
  if (!Array.isArray(inside)) return undefined;
  const named = inside as readonly { name?: unknown; template?: unknown }[];
  const chosen = named.find(({ name }) => name === "default") ?? named[0];
  return typeof chosen?.template === "string" ? chosen.template : undefined;
}

/** The chat template of a model folder; also where it has no tokenizer. */
export function modelChatTemplate(folder: string): string | undefined {
  return chatTemplateOf(folder, readJson(path.join(folder, "tokenizer_config.json"), false));
}

/** Whether a model folder has one. */
export function hasChatTemplate(folder: string): boolean {
  return modelChatTemplate(folder) !== undefined;
}

/** Texts of special tokens, such as those that end a turn. */
function specialTexts(folder: string, tokenizerConfig: Mapping): ReadonlySet<string> {
  const added = readJson(path.join(folder, "tokenizer.json"), true)["added_tokens"];
  const tokens = (Array.isArray(added) ? added : []) as readonly {
    readonly content?: unknown;
    readonly special?: unknown;
  }[];
  const named = Object.entries(tokenizerConfig).filter(([key]) => key.endsWith("_token"));
  const texts = [
    ...tokens.filter(({ special }) => special === true).map(({ content }) => content),
    ...named.map(([, value]) => tokenText(value)),
  ];
  return new Set(texts.filter((text): text is string => typeof text === "string" && text !== ""));
}

/** Models that the tokenizers' library has; a file from before there were several has no type. */
const MODEL_TYPES = ["BPE", "Unigram", "WordPiece", undefined];

/** @throws InputError for what the library would read as something else, or read for ever */
function checkTokenizer({ model, added_tokens: added = [] }: Mapping, file: string): void {
  const type = isMapping(model) ? model["type"] : model;
  if (!isMapping(model) || !MODEL_TYPES.some((known) => known === type)) {
    const expected = "a Hugging Face tokenizer whose model is BPE, Unigram or WordPiece";
    throw new InputError({ expected, file, at: "model.type", got: type ?? "none" });
  }
  const tokens: readonly unknown[] = Array.isArray(added) ? added : [added];
  const wrong = tokens.findIndex((token) => !isMapping(token) || (tokenText(token) ?? "") === "");
  if (wrong >= 0)
    throw new InputError({ expected: "a token with a text", file, at: `added_tokens[${wrong}]`, got: tokens[wrong] });
}

type EncodeText = (text: string) => readonly unknown[];

interface MadeTokenizer {
  readonly tokenizer: Tokenizer;
  readonly unknownIds: ReadonlySet<number>;
  /** A text's ids without special tokens. */
  readonly encode: EncodeText;
  readonly bytes: TextTokenizer["bytes"];
}

function createBytes(
  tokenizer: Tokenizer,
  tokenizerJson: Mapping,
  special: ReadonlySet<string>,
): MadeTokenizer["bytes"] {
  const form = byteFormOf(tokenizerJson);
  const added = tokenizerJson["added_tokens"];
  const texts = new Set(Array.isArray(added) ? added.map((each: Mapping) => each["content"]) : []);
  return (kept) => {
    if (form === undefined) return undefined;
    const all: (string | undefined)[] = [];
    for (const [token, id] of tokenizer.get_vocab()) {
      if (special.has(token) && !kept.has(token)) continue;
      all[id] = texts.has(token) ? Buffer.from(token).toString("latin1") : tokenBytes(token, form);
    }
    return all;
  };
}

function createTokenizer(folder: string, tokenizerConfig: Mapping, special: ReadonlySet<string>): MadeTokenizer {
  const file = path.join(folder, "tokenizer.json");
  const tokenizerJson = readJson(file, true);
  checkTokenizer(tokenizerJson, file);
  try {
    const tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
    const encode = quickEncoder(tokenizer, tokenizerJson);
    quickenBpe(tokenizer, tokenizerJson);
    const { unk_token: unknown, unk_id: unknownId } = tokenizerJson["model"] as Mapping;
    const unknownIds = new Set(
      [...tokenizer.get_vocab()].flatMap(([token, id]) =>
        token === unknown || id === unknownId || /^<0x[0-9A-F]{2}>$/.test(token) ? [id] : [],
      ),
    );
    return {
      tokenizer,
      unknownIds,
      encode: encode ?? ((text) => tokenizer.encode(text, { add_special_tokens: false }).ids),
      bytes: createBytes(tokenizer, tokenizerJson, special),
    };
  } catch (cause) {
    throw new InputError({ expected: "a Hugging Face tokenizer", file, got: (cause as Error).message }, { cause });
  }
}

/** A tokenizer whose parts do not fit each other fails only when it is used. */
function createEncoder(folder: string, encode: EncodeText): TextTokenizer["encode"] {
  return (text) => {
    let ids: readonly unknown[];
    try {
      ids = encode(text);
    } catch (cause) {
      const file = path.join(folder, "tokenizer.json");
      throw new InputError({ expected: "a tokenizer that can encode", file, got: (cause as Error).message }, { cause });
    }
    const wrong = ids.findIndex((id) => !Number.isSafeInteger(id));
    if (wrong >= 0)
      throw new InputError({ expected: "token ids", file: path.join(folder, "tokenizer.json"), got: ids[wrong] });
    return ids as readonly number[];
  };
}

function findAround(folder: string, tokenizer: Tokenizer, encode: TextTokenizer["encode"]): TextTokenizer["around"] {
  const [bare, whole] = [encode("a"), createEncoder(folder, (text) => tokenizer.encode(text).ids)("a")];
  const count = whole.length - bare.length;
  const at = Array.from({ length: count + 1 }, (_, start) => start).find((start) =>
    bare.every((id, index) => whole[start + index] === id),
  );
  if (at !== undefined) return { before: whole.slice(0, at), after: whole.slice(at + bare.length) };
  const file = path.join(folder, "tokenizer.json");
  throw new InputError({ expected: "a tokenizer that puts special tokens around a text", file, got: whole });
}

function createChatRenderer(folder: string, own: string | undefined, variables: Mapping): TextTokenizer["renderChat"] {
  const compiled = new Map<string, ReturnType<typeof compileTemplate>>();
  const compile = (template: string): ReturnType<typeof compileTemplate> => {
    const known = compiled.get(template) ?? compileTemplate(template);
    compiled.set(template, known);
    return known;
  };
  return (messages, addGenerationPrompt, { tools, variables: given, template = own, isMarked } = {}) => {
    const file = template === own ? path.join(folder, "tokenizer_config.json") : "data.chatTemplate";
    if (template === undefined) {
      const hint = "`data.chatTemplate` names one, such as chatml; prompt and response templates do without.";
      throw new InputError({ expected: "a chat template for chat data", file, got: "none", hint });
    }
    const marked = isMarked === true ? markGeneration(template) : template;
    if (isMarked === true && !marked.includes(GENERATION_MARK)) {
      const hint = "`data.turns: all` scores the assistant's turns without marks.";
      throw new InputError({ expected: "a chat template with {% generation %} marks", file, got: "none", hint });
    }
    try {
      const called = tools === undefined ? {} : { tools };
      const all = { ...variables, ...given, ...called, messages, add_generation_prompt: addGenerationPrompt };
      return compile(marked)(all);
    } catch (cause) {
      throw new InputError(
        { expected: "messages that the chat template takes", file, got: (cause as Error).message },
        { cause },
      );
    }
  };
}

/**
 * Loads tokenizer.json, tokenizer_config.json and, where they are, config.json and chat_template.jinja of a model
 * folder. The end token is tokenizer_config's eos_token, else config.json's (first) eos_token_id; the same for the
 * beginning.
 * @throws InputError for a missing or unreadable file, or when there is no end token
 */
export function loadTokenizer(folder: string): TextTokenizer {
  const tokenizerConfig = readJson(path.join(folder, "tokenizer_config.json"), true);
  const config = readJson(path.join(folder, "config.json"), false);
  const special = specialTexts(folder, tokenizerConfig);
  const { tokenizer, unknownIds, encode: encodeText, bytes } = createTokenizer(folder, tokenizerConfig, special);
  const specialId = (name: "bos" | "eos"): number | undefined => {
    const text = tokenText(tokenizerConfig[`${name}_token`]);
    const id = text === undefined ? undefined : tokenizer.token_to_id(text);
    if (id !== undefined) return id;
    const [first] = [config[`${name}_token_id`]].flat();
    return typeof first === "number" ? first : undefined;
  };
  const eosId = specialId("eos");
  if (eosId === undefined) {
    const expected = "eos_token in tokenizer_config.json or eos_token_id in config.json";
    throw new InputError({ expected, file: folder, got: "neither" });
  }
  const largest = [...tokenizer.get_vocab().values()].reduce((most, id) => Math.max(most, id), 0);
  const size = config["vocab_size"];
  const template = chatTemplateOf(folder, tokenizerConfig);
  const texts = Object.entries(tokenizerConfig).filter(([key]) => key.endsWith("_token"));
  const variables = Object.fromEntries(texts.map(([key, value]) => [key, tokenText(value) ?? ""]));
  const encode = createEncoder(folder, encodeText);
  return {
    vocabularySize: typeof size === "number" ? size : largest + 1,
    ...{ entries: largest + 1, unknownIds },
    bosId: specialId("bos"),
    eosId,
    eosText: tokenizer.id_to_token(eosId) ?? "",
    ...{ hasChatTemplate: template !== undefined, ownTemplate: template },
    around: findAround(folder, tokenizer, encode),
    encode,
    sections: createSections(tokenizer),
    // Nothing is cleaned up: a text is to be seen as it is.
    decode: (ids) => tokenizer.decode([...ids], { clean_up_tokenization_spaces: false }),
    bytes,
    specialTexts: [...special],
    namedTexts: Object.values(variables).filter((text) => text !== ""),
    renderChat: createChatRenderer(folder, template, variables),
  };
}
