import { InputError, ownValue } from "../../core/index.ts";
import type { DataFormat, FileSource } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { MESSAGE_FIELDS } from "./conversation.ts";
import { DIRECTIVE_KEYS, fieldsUsed } from "./directives.ts";
import { fieldsOf } from "./row-kind.ts";
import { COMPARED_IDS } from "./tokens.ts";

/** Names of a message's keys: those are found where the messages are read. Of `train` a row may have a column, too. */
const OF_MESSAGES: ReadonlySet<string> = new Set(["role", "content", "reasoning_content"]);

/**
 * The record with its columns under our names. What stands under such a name already is another column, and no longer
 * seen. @throws InputError for a column that it does not have
 */
export function renameColumns(
  record: DataRecord,
  { fields }: Pick<FileSource, "fields">,
  isNeeded: boolean,
): DataRecord {
  const named = Object.entries(fields ?? {}).flatMap(([name, column]) =>
    column === undefined || OF_MESSAGES.has(name) ? [] : [[name, column] as const],
  );
  if (named.length === 0) return record;
  const own = fieldsOf(record);
  const renamed: Record<string, unknown> = { ...own };
  for (const [name, column] of named) if (column !== name) delete renamed[name];
  for (const [, column] of named) delete renamed[column];
  for (const [name, column] of named) {
    const value = ownValue(own, column);
    if (value !== undefined) renamed[name] = value;
    else if (isNeeded && name !== "train")
      throw new InputError({
        expected: `the column "${column}" that data.fields names`,
        ...{ ...record.place, got: Object.keys(own) },
      });
  }
  return { ...record, value: renamed };
}

/** Columns that a format reads, beside those that a source names. */
const READ: Readonly<Record<DataFormat, readonly string[]>> = {
  instruction: ["instruction", "input", "output", "question", "answer", "prompt", "response", "completion", "system"],
  chat: [...MESSAGE_FIELDS, "prompt", "completion", "system", "tools", "instruction", "input", "output", "history"],
  text: ["text"],
  tokens: ["input_ids", "labels", ...COMPARED_IDS, "label"],
  segments: ["segments"],
  preference: ["prompt", "system", "tools", "instruction", "input", "question", "history", ...MESSAGE_FIELDS],
  unpaired: ["prompt", "completion", "response", "instruction", "input", "output", "question", "answer", "system"],
};

/** Columns of a record that nothing is made of. */
export function ignoredColumns(record: DataRecord, format: DataFormat, source: FileSource): readonly string[] {
  const used = fieldsUsed(source);
  const isTemplated = source.prompt !== undefined;
  const names = Object.entries(fieldsOf(record))
    .filter(([name, value]) => value !== null && value !== "" && !used.has(name) && !DIRECTIVE_KEYS.has(name))
    .map(([name]) => name)
    .filter((name) => isTemplated || source.field !== undefined || !READ[format].includes(name));
  // First those that sound like more than plain data.
  const sounds = (name: string): number => Number(!/mask|label|weight|train|loss|reject/i.test(name));
  return names.toSorted((a, b) => sounds(a) - sounds(b));
}
