import { InputError, ownValue } from "../../core/index.ts";
import type { DataFormat, FileSource } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { hasConversation, MESSAGE_FIELDS } from "./conversation.ts";
import { defaultTemplates, hasHistory } from "./instruction.ts";
import { isPreference, isUnpaired } from "./preference.ts";
import { readingOf } from "./reading.ts";
import { fieldNames, fieldsOf } from "./row-kind.ts";
import { COMPARED_IDS } from "./tokens.ts";

/** The format and why, for the result of reading. */
export interface InferredFormat {
  readonly format: DataFormat;
  readonly because: string;
}

/**
 * The format that the source's own keys ask for, else the one that the first record's fields show.
 * @throws InputError listing the fields when none fits
 */
export function inferFormat(source: FileSource, first: DataRecord): InferredFormat {
  if (source.prompt !== undefined) return { format: "instruction", because: "prompt and response templates are given" };
  const fields = fieldsOf(first);
  const has = (field: string): boolean => ownValue(fields, field) !== undefined;
  if (source.field !== undefined) {
    const chat = Array.isArray(ownValue(fields, source.field));
    return {
      format: chat ? "chat" : "text",
      because: `the first record's "${source.field}" is a ${chat ? "list" : "text"}`,
    };
  }
  if (COMPARED_IDS.some(has)) {
    const name = COMPARED_IDS.find(has)!;
    return { format: "tokens", because: `the first record has "${name}"` };
  }
  if (isPreference(fields)) return { format: "preference", because: "the first record has two answers" };
  if (isUnpaired(fields)) return { format: "unpaired", because: "the first record's label says if it is a good one" };
  if (has("segments")) return { format: "segments", because: 'the first record has "segments"' };
  if (hasHistory(fields)) return { format: "chat", because: 'the first record has a "history"' };
  if (has("input_ids")) return { format: "tokens", because: 'the first record has "input_ids"' };
  if (hasConversation(fields)) {
    const names = MESSAGE_FIELDS.filter(has);
    return {
      format: "chat",
      because: `the first record has "${names[0] ?? "prompt"}"${names.length > 0 ? "" : " of messages"}`,
    };
  }
  if (defaultTemplates(first, readingOf(source).takesEmpty) !== undefined) {
    return { format: "instruction", because: `the first record has the fields ${Object.keys(fields).join(", ")}` };
  }
  if (has("text")) return { format: "text", because: 'the first record has "text"' };
  throw new InputError({
    expected:
      "a record whose format can be told (input_ids, messages, conversations, text, instruction and output, question and answer)",
    ...first.place,
    got: fieldNames(first),
    hint: "Say format: instruction with prompt and response templates, or format: text with field.",
  });
}
