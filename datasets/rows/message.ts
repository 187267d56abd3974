import { InputError, isMapping, type Mapping, ownValue } from "../../core/index.ts";
import { type FileSource, ROLES, type Role } from "../data-source.ts";
import type { Place } from "../records/record.ts";
import type { ChatMessage } from "../tokenizer.ts";
import { amountOf, checkMessage, listOf, TRAINED_KEYS } from "./directives.ts";
import type { Reading } from "./reading.ts";

/** A piece of a message's text, and whether it is scored where its turn is. */
export interface Span {
  readonly text: string;
  readonly isTrained: boolean;
}

/** One message as the chat template takes it. */
export interface Turn {
  readonly message: ChatMessage;
  /** Whether the assistant says it. */
  readonly isAnswer: boolean;
  /** Whether nothing in the data says that it is not scored. */
  readonly isTrained: boolean;
  /** Pieces of the text of which some are not scored; undefined where all of it is treated alike. */
  readonly spans: readonly Span[] | undefined;
}

/** How the messages of a source are read. */
export interface MessageWays extends Pick<FileSource, "fields" | "roles"> {
  readonly reading: Pick<Reading, "namesRoles">;
}

/** ShareGPT's speakers (`from`) as roles. A call is said by the assistant, and answered by a tool. */
const SPEAKERS: Readonly<Record<string, string>> = {
  ...{ human: "user", user: "user", system: "system" },
  ...{ gpt: "assistant", chatgpt: "assistant", bing: "assistant", bard: "assistant", model: "assistant" },
  ...{ assistant: "assistant", function_call: "assistant" },
  ...{ observation: "tool", function_response: "tool", tool: "tool" },
};

/**
 * Whether nothing says that it is not trained. @throws InputError where an answer has a value that is neither yes nor no,
 * such as half of a weight
 */
export function isTrained(fields: object, isAnswer: boolean, place: Place, at: string, own?: string): boolean {
  let trained = true;
  for (const key of own === undefined ? TRAINED_KEYS : [...TRAINED_KEYS, own]) {
    const value = ownValue(fields as Mapping, key);
    if (value === undefined || value === null || value === "") continue;
    const amount = amountOf(value);
    if (isAnswer && amount !== 0 && amount !== 1)
      throw new InputError({ expected: "0, 1, true or false", ...place, at: `${at}.${key}`, got: value });
    trained &&= amount !== 0;
  }
  return trained;
}

/** Pieces of a content that is a list. @throws InputError for one that is no text */
function partsOf(parts: readonly unknown[], place: Place, at: string): readonly Span[] {
  return parts.map((part, index) => {
    const own = `${at}[${index}]`;
    if (typeof part === "string") return { text: part, isTrained: true };
    const fields = (part ?? {}) as Mapping;
    const { type = "text", text } = fields;
    const seen = Object.keys(fields).find((key) => /^(image|audio|video)/.test(key));
    if (seen !== undefined) throw new InputError({ expected: "a part of type text", ...place, at: own, got: seen });
    if (type !== "text" || typeof text !== "string")
      throw new InputError({ expected: "a part of type text", ...place, at: own, got: type === "text" ? text : type });
    return { text, isTrained: isTrained(fields, true, place, own) };
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
    const { function: called, ...rest } = (call ?? {}) as Mapping;
    const { arguments: own, ...other } = (called ?? {}) as Mapping;
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

/** Other names of `reasoning_content`, which is the one that templates read (transformers 5 does the same). */
const THOUGHT_KEYS = ["reasoning", "thinking"] as const;

/** The role that the data's word for it means. @throws InputError for a speaker that is not known */
function roleOf(said: string, isShareGpt: boolean, { roles, reading }: MessageWays, place: Place, at: string): string {
  const named = ROLES.find((role: Role) => roles?.[role]?.includes(said));
  if (named !== undefined) return named;
  if (!isShareGpt || !reading.namesRoles) return said;
  const role = ownValue(SPEAKERS, said);
  if (role !== undefined) return role;
  const known = [...Object.keys(SPEAKERS), ...ROLES.flatMap((one) => roles?.[one] ?? [])];
  const hint = "`data.roles` says whose turn it is, as in roles: {user: [customer], assistant: [agent]}.";
  throw new InputError({ expected: `one of ${[...new Set(known)].join(", ")}`, ...place, at, got: said, hint });
}

/** The keys of a message's role and content. */
function keysOf(message: Mapping, { fields }: MessageWays): readonly [role: string, content: string] {
  const isShareGpt = ownValue(message, "role") === undefined && ownValue(message, "from") !== undefined;
  const [role, content] = isShareGpt ? ["from", "value"] : ["role", "content"];
  return [fields?.role ?? role!, fields?.content ?? content!];
}

/** A message of the data as a turn. @throws InputError */
export function turnOf(fields: unknown, ways: MessageWays, place: Place, at: string): Turn {
  if (!isMapping(fields)) throw new InputError({ expected: "a message {role, content}", ...place, at, got: fields });
  const [roleKey, contentKey] = keysOf(fields, ways);
  const said = ownValue(fields, roleKey);
  if (typeof said !== "string")
    throw new InputError({ expected: "a text", ...place, at: `${at}.${roleKey}`, got: said ?? "no such field" });
  const role = roleOf(said, roleKey === "from", ways, place, `${at}.${roleKey}`);
  const isAnswer = role === "assistant" || (roleKey === "from" && ownValue(SPEAKERS, said) === "assistant");
  const { [ways.fields?.train ?? "train"]: _flag, ...others } = fields;
  checkMessage(others, isAnswer, place, at);
  const given = ownValue(fields, "tool_calls");
  const calls = given === undefined || given === null || given === "" ? [] : callsOf(given, place, `${at}.tool_calls`);
  const content = ownValue(fields, contentKey) ?? (calls.length === 0 ? undefined : "");
  const parts = Array.isArray(content) ? partsOf(content, place, `${at}.${contentKey}`) : undefined;
  const text = parts === undefined ? content : parts.map((part) => part.text).join("");
  if (typeof text !== "string")
    throw new InputError({
      expected: "a text",
      ...place,
      at: `${at}.${contentKey}`,
      got: content ?? "no such field",
    });
  const flag = ways.fields?.train;
  const own = new Set([roleKey, contentKey, ...(flag === undefined ? [] : [flag])]);
  const rest = Object.entries(fields).filter(
    ([key, other]) => !OWN_KEYS.has(key) && !own.has(key) && other !== null && other !== undefined,
  );
  const thought = [ways.fields?.reasoning_content ?? "reasoning_content", ...THOUGHT_KEYS]
    .map((key) => ownValue(fields, key))
    .find((one) => typeof one === "string");
  const message: ChatMessage = {
    ...Object.fromEntries(rest),
    ...{ role, content: text },
    ...(thought === undefined ? {} : { reasoning_content: thought }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    message,
    isAnswer,
    isTrained: isTrained(fields, isAnswer, place, at, flag),
    spans: parts?.some((part) => !part.isTrained) === true ? parts : undefined,
  };
}
