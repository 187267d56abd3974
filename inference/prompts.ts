// How what a person says becomes the tokens in front of an answer.
import { existsSync } from "node:fs";
import path from "node:path";
import { isMapping } from "../core/index.ts";
import type { ChatMessage, FileSource, TextTokenizer } from "../datasets/index.ts";
import { readWholeText } from "../files/index.ts";

/** What prompts of one form are made with. */
export interface PromptForm {
  readonly kind: "chat" | "template" | "raw";
  /** Of `template`: the rows' own, with one field. */
  readonly template?: string;
  /** Of `chat`: in place of the model's template. */
  readonly chatTemplate?: string | undefined;
}

const FIELD = /\{\{\s*[\w.]+\s*\}\}/g;

/** How an adapter that was trained on such data wants its prompts. */
export function promptFormOf(
  data: Pick<FileSource, "format" | "prompt" | "chatTemplate">,
  tokenizer: TextTokenizer,
): PromptForm {
  if (data.format === "chat") return { kind: "chat", chatTemplate: data.chatTemplate };
  const { prompt } = data;
  if (prompt !== undefined && (prompt.match(FIELD) ?? []).length === 1) return { kind: "template", template: prompt };
  return data.format === undefined && tokenizer.hasChatTemplate ? { kind: "chat" } : { kind: "raw" };
}

/** The tokens of a text, with what the tokenizer puts in front of one. */
export function textPrompt(text: string, { encode, around }: TextTokenizer): readonly number[] {
  return [...around.before, ...encode(text)];
}

/** @throws InputError where there is no chat template, or it refuses the messages */
export function chatPrompt(
  messages: readonly ChatMessage[],
  tokenizer: TextTokenizer,
  template?: string,
  more: { readonly tools?: unknown } = {},
): readonly number[] {
  const text = tokenizer.renderChat(messages, true, { ...more, ...(template === undefined ? {} : { template }) });
  return tokenizer.encode(text);
}

/** The prompt that a text is in a form. */
export function promptIn(form: PromptForm, text: string, tokenizer: TextTokenizer): readonly number[] {
  switch (form.kind) {
    case "chat":
      return chatPrompt([{ role: "user", content: text }], tokenizer, form.chatTemplate);
    case "template":
      return textPrompt(
        form.template!.replace(FIELD, () => text),
        tokenizer,
      );
    case "raw":
      return textPrompt(text, tokenizer);
  }
}

/** Tokens that end an answer: the tokenizer's end token, and those that the model's own settings name. */
export function stopTokensOf(modelFolder: string, tokenizer: TextTokenizer): ReadonlySet<number> {
  const stops = new Set([tokenizer.eosId]);
  for (const name of ["generation_config.json", "config.json"]) {
    const file = path.join(modelFolder, name);
    if (!existsSync(file)) continue;
    const config: unknown = JSON.parse(readWholeText(file));
    const named = isMapping(config) ? [config["eos_token_id"]].flat() : [];
    for (const id of named) if (Number.isSafeInteger(id)) stops.add(id as number);
  }
  return stops;
}

/** Ids of special tokens, which are no part of an answer's text. */
export function specialTokensOf({ specialTexts, encode }: TextTokenizer): ReadonlySet<number> {
  return new Set(
    specialTexts.flatMap((text) => {
      const ids = encode(text);
      return ids.length === 1 ? [ids[0]!] : [];
    }),
  );
}
