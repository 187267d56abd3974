// How what a person says becomes the tokens in front of an answer.
import { existsSync } from "node:fs";
import path from "node:path";
import { isMapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { withTemplateText } from "../chat-templates.ts";
import type { ChatMessage, TextTokenizer } from "../tokenizer.ts";
import { type QuestionForm, questionText } from "./question-form.ts";

/** The tokens of a text, with what the tokenizer puts in front of one. */
export function textPrompt(text: string, { encode, around }: TextTokenizer): readonly number[] {
  return [...around.before, ...encode(text)];
}

/**
 * `template`: its text, a file, or one of our names. @throws InputError where there is no chat template, or it refuses the
 * messages
 */
export function chatPrompt(
  messages: readonly ChatMessage[],
  tokenizer: TextTokenizer,
  template?: string,
  more: { readonly tools?: unknown; readonly variables?: Readonly<Record<string, unknown>> } = {},
): readonly number[] {
  const own = withTemplateText({ path: "", chatTemplate: template }, undefined, "data").chatTemplate;
  const text = tokenizer.renderChat(messages, true, { ...more, ...(own === undefined ? {} : { template: own }) });
  return tokenizer.encode(text);
}

/** The prompt that a text is in a form. */
export function promptIn(form: QuestionForm, text: string, tokenizer: TextTokenizer): readonly number[] {
  switch (form.kind) {
    case "chat":
      return chatPrompt([{ role: "user", content: text }], tokenizer, form.chatTemplate);
    case "template":
      return textPrompt(questionText(form.template, text), tokenizer);
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
