// How what a person says becomes the tokens in front of an answer.
import { existsSync } from "node:fs";
import path from "node:path";
import { InputError, isMapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { withTemplateText } from "../chat-templates.ts";
import type { ChatMessage, TextTokenizer } from "../tokenizer.ts";
import { type QuestionForm, questionText } from "./question-form.ts";

/** What the chat template is told beside messages. */
interface ChatFacts {
  readonly tools?: unknown;
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** What is asked, before it is tokens: data that another thread can be given. */
export type AskedPrompt =
  | { readonly kind: "text"; readonly text: string }
  | (ChatFacts & {
      readonly kind: "chat";
      readonly messages: readonly ChatMessage[];
      /** Its text, a file, or one of our names; the model's when absent. */
      readonly template?: string | undefined;
    });

/**
 * The tokens of what is asked; of a text with what the tokenizer puts in front of one.
 * @throws InputError where there is no chat template, or it refuses the messages
 */
export function promptTokens(asked: AskedPrompt, { encode, around, renderChat }: TextTokenizer): readonly number[] {
  if (asked.kind === "text") return [...around.before, ...encode(asked.text)];
  const { kind: _, messages, template, ...more } = asked;
  const own = withTemplateText({ path: "", chatTemplate: template }, undefined, "data").chatTemplate;
  return encode(renderChat(messages, true, { ...more, ...(own === undefined ? {} : { template: own }) }));
}

/** A question as rows of a form have it. */
export function questionIn(form: QuestionForm, text: string): AskedPrompt {
  switch (form.kind) {
    case "chat":
      return { kind: "chat", messages: [{ role: "user", content: text }], template: form.chatTemplate };
    case "template":
      return { kind: "text", text: questionText(form, text) };
    case "raw":
      return { kind: "text", text };
  }
}

/**
 * A chat as rows of a form have it: through a chat template, the model's where the rows are no chats, or the only question
 * in the rows' template. @throws InputError for a chat for which that template has no room
 */
export function chatIn(form: QuestionForm, messages: readonly ChatMessage[], facts: ChatFacts = {}): AskedPrompt {
  if (form.kind !== "template")
    return { ...facts, kind: "chat", messages, template: form.kind === "chat" ? form.chatTemplate : undefined };
  const [system, question, ...more] = messages[0]?.role === "system" ? messages : [undefined, ...messages];
  if (question?.role === "user" && more.length === 0 && facts.tools === undefined)
    return { kind: "text", text: questionText(form, question.content, system?.content) };
  throw new InputError({
    expected: "one message of the user, as the adapter's rows ask one question,",
    at: "messages",
    got: facts.tools === undefined ? messages.map(({ role }) => role).join(", ") : "tools",
    hint: `Its rows are no chats: they have the template ${JSON.stringify(form.template)}.`,
  });
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
