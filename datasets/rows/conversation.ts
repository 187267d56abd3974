import { InputError, ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt, type Place } from "../records/record.ts";
import type { ChatMessage } from "../tokenizer.ts";
import { amountOf, checkMessage, listOf, TRAINED_KEYS } from "./directives.ts";
import { fieldsOf } from "./row-kind.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A piece of a message's text, and whether it is scored where its turn is. */
export interface Span {
  readonly text: string;
  readonly isTrained: boolean;
}

/** One message as the chat template takes it. */
export interface Turn {
  readonly message: ChatMessage;
  /** Only the assistant's turns are scored. */
  readonly isTrained: boolean;
  /** Pieces of the text of which some are not scored; undefined where all of it is treated alike. */
  readonly spans: readonly Span[] | undefined;
}

export interface Conversation {
  readonly turns: readonly Turn[];
  /** What the assistant may call, as the template takes it. */
  readonly tools: unknown;
}

/** The fields that hold messages where nobody says which. ShareGPT writes `conversations`. */
export const MESSAGE_FIELDS = ["messages", "conversations", "conversation"];

/** ShareGPT's speakers (`from`) as roles. A call is said by the assistant, and answered by a tool. */
const SPEAKERS: Readonly<Record<string, string>> = {
  ...{ human: "user", user: "user", system: "system" },
  ...{ gpt: "assistant", chatgpt: "assistant", bing: "assistant", bard: "assistant", model: "assistant" },
  ...{ assistant: "assistant", function_call: "assistant" },
  ...{ observation: "tool", function_response: "tool", tool: "tool" },
};

/** The field of a record's messages: what the source names, else the first that the record has. */
function messageField(source: Pick<FileSource, "field">, fields: Fields): string {
  return source.field ?? MESSAGE_FIELDS.find((name) => ownValue(fields, name) != null) ?? MESSAGE_FIELDS[0]!;
}

/** Whether a record has a conversation where nobody says so. */
export function hasConversation(fields: Fields): boolean {
  return MESSAGE_FIELDS.some((name) => ownValue(fields, name) != null) || isPair(fields);
}

/** A prompt and a completion, both lists of messages. */
function isPair(fields: Fields): boolean {
  return ["prompt", "completion"].every((name) => {
    const [first] = listOf(ownValue(fields, name)) ?? [];
    return typeof first === "object" && first !== null && ("role" in first || "from" in first);
  });
}

/** @throws InputError for a value that is neither yes nor no, such as half of a weight */
function isTrained(fields: Fields, place: Place, at: string): boolean {
  let trained = true;
  for (const key of TRAINED_KEYS) {
    const value = ownValue(fields, key);
    if (value === undefined || value === null || value === "") continue;
    const amount = amountOf(value);
    if (amount !== 0 && amount !== 1)
      throw new InputError({ expected: "0, 1, true or false", ...place, at: `${at}.${key}`, got: value });
    trained &&= amount === 1;
  }
  return trained;
}

/** Pieces of a content that is a list. @throws InputError for one that is no text */
function partsOf(parts: readonly unknown[], place: Place, at: string): readonly Span[] {
  return parts.map((part, index) => {
    const own = `${at}[${index}]`;
    if (typeof part === "string") return { text: part, isTrained: true };
    const fields = (part ?? {}) as Fields;
    const { type = "text", text } = fields;
    const seen = Object.keys(fields).find((key) => /^(image|audio|video)/.test(key));
    if (seen !== undefined) throw new InputError({ expected: "a part of type text", ...place, at: own, got: seen });
    if (type !== "text" || typeof text !== "string")
      throw new InputError({ expected: "a part of type text", ...place, at: own, got: type === "text" ? text : type });
    return { text, isTrained: isTrained(fields, place, own) };
  });
}

/** Whole numbers that a computer's numbers cannot hold. */
function isInexact(text: string): boolean {
  return [...text.matchAll(/-?\d{16,}/g)].some(([digits]) => !Number.isSafeInteger(Number(digits)));
}

/** Calls with arguments as objects, which templates write as JSON. @throws InputError */
function callsOf(given: unknown, place: Place, at: string): readonly unknown[] {
  const calls = listOf(given);
  if (calls === undefined) throw new InputError({ expected: "a list of calls", ...place, at, got: given });
  return calls.map((call, index) => {
    const { function: called, ...rest } = (call ?? {}) as Fields;
    const { arguments: own, ...other } = (called ?? {}) as Fields;
    if (typeof other["name"] !== "string")
      throw new InputError({
        expected: "a call {function: {name, arguments}}",
        ...place,
        at: `${at}[${index}]`,
        got: call,
      });
    if (typeof own !== "string") return call;
    if (isInexact(own))
      throw new InputError({ expected: "whole numbers below 2^53", ...place, at: `${at}[${index}]`, got: own });
    try {
      return { ...rest, function: { ...other, arguments: JSON.parse(own) as unknown } };
    } catch {
      return call;
    }
  });
}

/** Keys that are ours, not the template's. */
const OWN_KEYS: ReadonlySet<string> = new Set(["role", "content", "from", "value", "tool_calls", ...TRAINED_KEYS]);

function turnOf(value: unknown, place: Place, at: string): Turn {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new InputError({ expected: "a message {role, content}", ...place, at, got: value });
  const fields = value as Fields;
  const isShareGpt = ownValue(fields, "role") === undefined && ownValue(fields, "from") !== undefined;
  const [roleKey, contentKey] = isShareGpt ? ["from", "value"] : ["role", "content"];
  const said = ownValue(fields, roleKey!);
  if (typeof said !== "string")
    throw new InputError({ expected: "a text", ...place, at: `${at}.${roleKey}`, got: said ?? "no such field" });
  const role = isShareGpt ? ownValue(SPEAKERS, said) : said;
  if (role === undefined)
    throw new InputError({
      expected: `one of ${Object.keys(SPEAKERS).join(", ")}`,
      ...place,
      at: `${at}.${roleKey}`,
      got: said,
    });
  checkMessage(fields, role === "assistant", place, at);
  const given = ownValue(fields, "tool_calls");
  const calls = given === undefined || given === null || given === "" ? [] : callsOf(given, place, `${at}.tool_calls`);
  const content = ownValue(fields, contentKey!) ?? (calls.length === 0 ? undefined : "");
  const parts = Array.isArray(content) ? partsOf(content, place, `${at}.${contentKey}`) : undefined;
  const text = parts === undefined ? content : parts.map((part) => part.text).join("");
  if (typeof text !== "string")
    throw new InputError({
      expected: "a text",
      ...place,
      at: `${at}.${contentKey}`,
      got: content ?? "no such field",
    });
  const rest = Object.entries(fields).filter(([key, own]) => !OWN_KEYS.has(key) && own !== null && own !== undefined);
  const message: ChatMessage = {
    ...Object.fromEntries(rest),
    ...{ role, content: text },
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  const isSaid = role === "assistant";
  return {
    message,
    isTrained: isSaid && isTrained(fields, place, at),
    spans: isSaid && parts?.some((part) => !part.isTrained) === true ? parts : undefined,
  };
}

function turnsOf(record: DataRecord, field: string): readonly Turn[] {
  const value = ownValue(fieldsOf(record), field);
  const at = fieldAt(record.place, field);
  const messages = listOf(value);
  if (messages === undefined || messages.length === 0)
    throw new InputError({
      expected: "a list of messages {role, content} or {from, value}",
      ...record.place,
      at,
      got: value ?? "no such field",
    });
  return messages.map((message, index) => turnOf(message, record.place, `${at}[${index}]`));
}

/** What may be called: a list, or JSON of one. @throws InputError */
function toolsOf(record: DataRecord): unknown {
  const value = ownValue(fieldsOf(record), "tools");
  if (value === undefined || value === null || value === "" || value === "[]") return undefined;
  const tools = listOf(value);
  if (tools === undefined)
    throw new InputError({
      expected: "a list of tools",
      ...record.place,
      at: fieldAt(record.place, "tools"),
      got: value,
    });
  return tools.length === 0 ? undefined : tools;
}

/**
 * The conversation of a record: messages, ShareGPT's, or a prompt and a completion of messages, of which the completion
 * is trained. A `system` column stands before the first turn. @throws InputError
 */
export function conversationOf(record: DataRecord, source: Pick<FileSource, "field" | "turns">): Conversation {
  const fields = fieldsOf(record);
  const isSplit = source.field === undefined && isPair(fields);
  const there = [...MESSAGE_FIELDS.filter((name) => ownValue(fields, name) != null), ...(isSplit ? ["prompt"] : [])];
  if (source.field === undefined && there.length > 1)
    throw new InputError({
      expected: `one conversation: ${there.join(" or ")}`,
      ...record.place,
      got: "both",
      hint: "--field or data.field names the one to read.",
    });
  const turns = isSplit
    ? [
        ...turnsOf(record, "prompt").map((turn) => ({ ...turn, isTrained: false, spans: undefined })),
        ...turnsOf(record, "completion"),
      ]
    : turnsOf(record, messageField(source, fields));
  const system = ownValue(fields, "system") ?? "";
  const hasSystem = system !== "";
  if (hasSystem && (typeof system !== "string" || turns[0]!.message.role === "system"))
    throw new InputError({
      expected: "one system text: a column or the first message",
      ...record.place,
      at: fieldAt(record.place, "system"),
      got: typeof system === "string" ? "both" : system,
    });
  const all: readonly Turn[] = hasSystem
    ? [{ message: { role: "system", content: system as string }, isTrained: false, spans: undefined }, ...turns]
    : turns;
  const last = all.findLastIndex(({ isTrained: is }) => is);
  const kept =
    source.turns === "last" ? all.map((turn, index) => (index === last ? turn : { ...turn, isTrained: false })) : all;
  return { turns: kept, tools: toolsOf(record) };
}
