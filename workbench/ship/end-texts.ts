// Where a model's answer ends, as texts.
import { existsSync } from "node:fs";
import path from "node:path";
import { isMapping, type Mapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";

/** A JSON file of a folder; nothing where there is none. */
export function readJson(folder: string, name: string): Mapping {
  const file = path.join(folder, name);
  if (!existsSync(file)) return {};
  const value: unknown = JSON.parse(readWholeText(file));
  return isMapping(value) ? value : {};
}

/** Tokens that end a turn in the chat templates of the families that are read here. */
const ENDS_OF_TURN = [
  ...["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>", "<|eot|>"],
  ...["<|return|>", "<|end_of_text|>", "<|endoftext|>"],
];

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return isMapping(value) && typeof value["content"] === "string" ? value["content"] : undefined;
}

/** The template of a chat, whole; empty where there is none. */
function templateOf(folder: string, tokenizer: Mapping): string {
  const file = path.join(folder, "chat_template.jinja");
  if (existsSync(file)) return readWholeText(file);
  return typeof tokenizer["chat_template"] === "string" ? tokenizer["chat_template"] : "";
}

/** Tokens at which generation ends: what the model's files name, and ends of turn that its chat template writes. */
export function endTexts(model: string, tokenizer: string): readonly string[] {
  const tokens = readJson(tokenizer, "tokenizer.json")["added_tokens"];
  const added = new Map<number, string>(
    (Array.isArray(tokens) ? tokens : []).filter(isMapping).map(({ id, content }) => [Number(id), String(content)]),
  );
  const config = readJson(tokenizer, "tokenizer_config.json");
  const ids = [readJson(model, "generation_config.json"), readJson(model, "config.json")]
    .flatMap((file) => file["eos_token_id"] ?? [])
    .filter((id): id is number => typeof id === "number");
  const template = templateOf(tokenizer, config);
  const known = new Set(added.values());
  const texts = [
    textOf(config["eos_token"]),
    ...ids.map((id) => added.get(id)),
    ...ENDS_OF_TURN.filter((text) => known.has(text) && template.includes(text)),
  ];
  return [...new Set(texts.filter((text): text is string => text !== undefined && text !== ""))];
}
