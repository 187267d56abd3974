import { InputError, isMapping, type Mapping, ownValue } from "../../core/index.ts";
import type { DataFormat } from "../data-source.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import { isMessages, MESSAGE_FIELDS } from "./conversation.ts";
import { amountOf, listOf } from "./directives.ts";
import { fieldsOf, type RowContext } from "./row-kind.ts";

/** The keys of a pair's answers; OpenAI's preference files have the second two. */
const ANSWERS = [
  ["chosen", "rejected"],
  ["preferred_output", "non_preferred_output"],
] as const;

/** Keys that say whether an answer is a good one: TRL's and LLaMA-Factory's. */
const LABELS = ["label", "kto_tag"] as const;

function isThere(fields: Mapping, name: string): boolean {
  const value = ownValue(fields, name);
  return value !== undefined && value !== null && value !== "";
}

/** Whether a record has two answers to compare. */
export function isPreference(fields: Mapping): boolean {
  return ANSWERS.some((keys) => keys.every((key) => isThere(fields, key)));
}

/** Whether a record says of its answer if it is a good one. Classes have other labels than true and false. */
export function isUnpaired(fields: Mapping): boolean {
  return LABELS.some((key) => typeof ownValue(fields, key) === "boolean");
}

/** Answers as messages: a list, a message, or a text that the assistant says. */
function messagesOf(value: unknown): readonly unknown[] {
  if (typeof value === "string" && listOf(value) === undefined) return [{ role: "assistant", content: value }];
  return listOf(value) ?? [value];
}

function sameStart(a: readonly unknown[], b: readonly unknown[]): number {
  let count = 0;
  while (count < Math.min(a.length, b.length) && JSON.stringify(a[count]) === JSON.stringify(b[count])) count += 1;
  return count;
}

/** What both answers begin with is their prompt, where nothing else is. @throws InputError where they are the same */
function splitMessages(chosen: readonly unknown[], rejected: readonly unknown[], record: DataRecord) {
  const count = Math.min(sameStart(chosen, rejected), chosen.length - 1, rejected.length - 1);
  if (count > 0) return { prompt: chosen.slice(0, count), answers: [chosen.slice(count), rejected.slice(count)] };
  throw new InputError({
    expected: "a prompt, or answers that begin with the same messages",
    ...record.place,
    at: fieldAt(record.place, "chosen"),
    got: chosen,
  });
}

/**
 * The same of texts. Characters that two answers have in common by chance are not of the prompt: it ends before a space
 * or line break. TRL's ends at the first character that differs, even inside a number.
 */
function splitTexts(chosen: string, rejected: string, isExact: boolean) {
  let count = 0;
  while (count < Math.min(chosen.length, rejected.length) && chosen[count] === rejected[count]) count += 1;
  if (!isExact) while (count > 0 && !/\s/.test(chosen[count] ?? "x")) count -= 1;
  // As TRL does: a space before the answers is theirs.
  if (count > 0 && chosen[count - 1] === " ") count -= 1;
  return { prompt: chosen.slice(0, count), answers: [chosen.slice(count), rejected.slice(count)] };
}

/** The record without its two answers as one that has a prompt and one answer, for each of the two. */
function answersOf(record: DataRecord, context: RowContext): readonly [Mapping, readonly unknown[], string] {
  const fields = fieldsOf(record);
  const keys = ANSWERS.find((pair) => pair.every((key) => ownValue(fields, key) != null));
  if (keys === undefined)
    throw new InputError({ expected: "chosen and rejected", ...record.place, got: Object.keys(fields) });
  const [chosen, rejected] = keys.map((key) => ownValue(fields, key));
  const { [keys[0]]: _chosen, [keys[1]]: _rejected, input, ...others } = fields;
  // OpenAI's input holds messages and tools.
  const rest: Mapping = { ...others, ...(isMapping(input) ? input : { input }) };
  const field = MESSAGE_FIELDS.find((name) => isThere(rest, name));
  if (field !== undefined) {
    const { [field]: messages, ...more } = rest;
    return [{ ...more, prompt: messagesOf(messages) }, [messagesOf(chosen), messagesOf(rejected)], "completion"];
  }
  if (isMessages(rest["prompt"])) return [rest, [messagesOf(chosen), messagesOf(rejected)], "completion"];
  if (isMessages(chosen) && isMessages(rejected)) {
    const { prompt: said, ...more } = rest;
    const { prompt, answers } = splitMessages(messagesOf(chosen), messagesOf(rejected), record);
    const first = prompt.at(-1) as { readonly content?: unknown; readonly value?: unknown };
    if (said !== undefined && said !== null && said !== (first.content ?? first.value))
      throw new InputError({
        expected: "a prompt of messages, or the text that both answers begin with",
        ...{ ...record.place, at: fieldAt(record.place, "prompt"), got: said },
      });
    return [{ ...more, prompt }, answers, "completion"];
  }
  if (typeof chosen !== "string" || typeof rejected !== "string")
    throw new InputError({
      expected: "answers that are both texts or both messages",
      ...{ ...record.place, at: fieldAt(record.place, keys[0]), got: chosen },
    });
  if (isThere(rest, "instruction")) return [rest, [chosen, rejected], "output"];
  if (isThere(rest, "question")) return [rest, [chosen, rejected], "answer"];
  if (isThere(rest, "prompt")) return [rest, [chosen, rejected], "completion"];
  const { prompt, answers } = splitTexts(chosen, rejected, context.source.like === "trl");
  return [{ ...rest, prompt }, answers, "completion"];
}

/** Two records, the better answer first, in place of one with both. @throws InputError */
export function pairRecords(record: DataRecord, context: RowContext): readonly [DataRecord, DataRecord] {
  const [rest, answers, key] = answersOf(record, context);
  const own = (index: number): DataRecord => ({ ...record, value: { ...rest, [key]: answers[index] } });
  return [own(0), own(1)];
}

/** A record without its label, and the label. @throws InputError for one that is neither yes nor no */
export function labelledRecord(record: DataRecord): { readonly record: DataRecord; readonly isDesirable: boolean } {
  const fields = fieldsOf(record);
  const key = LABELS.find((name) => Object.hasOwn(fields, name)) ?? LABELS[0];
  const { [key]: label, ...rest } = fields;
  const amount = amountOf(label);
  if (amount === 0 || amount === 1) return { record: { ...record, value: rest }, isDesirable: amount === 1 };
  const at = fieldAt(record.place, key);
  throw new InputError({ expected: "true or false", ...record.place, at, got: label ?? "none" });
}

/** Formats whose rows are compared with each other. */
export function isCompared(format: DataFormat): boolean {
  return format === "preference" || format === "unpaired";
}
