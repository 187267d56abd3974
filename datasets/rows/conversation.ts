import { InputError, isMapping, type Mapping, ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import { listOf } from "./directives.ts";
import { instructionTurns } from "./instruction.ts";
import { type MessageWays, type Turn, turnOf } from "./message.ts";
import type { Reading } from "./reading.ts";
import { fieldsOf } from "./row-kind.ts";

export interface Conversation {
  readonly turns: readonly Turn[];
  /** How many of the turns are a prompt, of which nothing is scored. */
  readonly numPrompt: number;
  /** What the assistant may call, as the template takes it. */
  readonly tools: unknown;
  /** What the row gives to the template beside: `chat_template_kwargs`. */
  readonly variables: Mapping;
}

/** The fields that hold messages where nobody says which. ShareGPT writes `conversations`. */
export const MESSAGE_FIELDS = ["messages", "conversations", "conversation"];

/** The field of a record's messages: what the source names, else the first that the record has. */
function messageField(source: Pick<FileSource, "field">, fields: Mapping): string | undefined {
  return source.field ?? MESSAGE_FIELDS.find((name) => ownValue(fields, name) != null);
}

/** Whether a record has a conversation where nobody says so. */
export function hasConversation(fields: Mapping): boolean {
  return MESSAGE_FIELDS.some((name) => ownValue(fields, name) != null) || isPair(fields);
}

/** Whether a value is a list of messages, or one. */
export function isMessages(value: unknown): boolean {
  const [first] = listOf(value) ?? [value];
  return typeof first === "object" && first !== null && ("role" in first || "from" in first);
}

/** A prompt and a completion, both lists of messages. */
function isPair(fields: Mapping): boolean {
  return ["prompt", "completion"].every((name) => isMessages(ownValue(fields, name)));
}

function turnsOf(record: DataRecord, field: string, ways: MessageWays): readonly Turn[] {
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
  return messages.map((message, index) => turnOf(message, ways, record.place, `${at}[${index}]`));
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

/** `chat_template_kwargs`, as TRL reads them. @throws InputError for what is no object */
function variablesOf(record: DataRecord): Mapping {
  const value = ownValue(fieldsOf(record), "chat_template_kwargs");
  if (value === undefined || value === null || value === "") return {};
  if (isMapping(value)) return value;
  const at = fieldAt(record.place, "chat_template_kwargs");
  throw new InputError({ expected: "an object of the template's variables", ...record.place, at, got: value });
}

/** A conversation's turns, and how many of them are a prompt. @throws InputError where a record has two */
function turnsIn(record: DataRecord, source: FileSource, ways: MessageWays): readonly [readonly Turn[], number] {
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
  if (isSplit) {
    const prompt = turnsOf(record, "prompt", ways);
    return [[...prompt, ...turnsOf(record, "completion", ways)], prompt.length];
  }
  const field = messageField(source, fields);
  if (field !== undefined) return [turnsOf(record, field, ways), 0];
  const turns = instructionTurns(record);
  return [turns ?? turnsOf(record, MESSAGE_FIELDS[0]!, ways), 0];
}

/** @throws InputError for turns that do not come in turn */
function checkAlternates(turns: readonly Turn[], record: DataRecord): void {
  const spoken = turns.filter(({ message: { role } }) => role !== "system");
  const wrong = spoken.findIndex(({ isAnswer }, index) => isAnswer !== (index % 2 === 1));
  if (wrong < 0 && spoken.length % 2 === 0) return;
  throw new InputError({
    expected: "turns of user and assistant that alternate, the assistant's last",
    ...record.place,
    got: spoken.map(({ message: { role } }) => role).join(", "),
    hint: "LLaMA-Factory leaves such rows out. Without data.like they are read, if the chat template takes them.",
  });
}

/**
 * The conversation of a record: messages, ShareGPT's, a prompt and a completion of messages, or an instruction with its
 * history. A `system` column stands before the first turn. @throws InputError
 */
export function conversationOf(record: DataRecord, source: FileSource, reading: Reading): Conversation {
  const { fields, roles } = source;
  // Which of the turns are answers has to be known where only those are scored.
  const ways = { fields, roles, reading: { namesRoles: reading.namesRoles || reading.scored === "answers" } };
  const [turns, numPrompt] = turnsIn(record, source, ways);
  const system = ownValue(fieldsOf(record), "system") ?? "";
  const hasSystem = system !== "";
  if (hasSystem && (typeof system !== "string" || turns[0]!.message.role === "system"))
    throw new InputError({
      expected: "one system text: a column or the first message",
      ...record.place,
      at: fieldAt(record.place, "system"),
      got: typeof system === "string" ? "both" : system,
    });
  const message = { role: "system", content: system as string };
  const all: readonly Turn[] = hasSystem
    ? [{ message, isAnswer: false, isTrained: true, spans: undefined }, ...turns]
    : turns;
  if (reading.alternates) checkAlternates(all, record);
  const prompt = numPrompt + (hasSystem && numPrompt > 0 ? 1 : 0);
  return { turns: all, numPrompt: prompt, tools: toolsOf(record), variables: variablesOf(record) };
}
