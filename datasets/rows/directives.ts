import { InputError, type Mapping, ownValue } from "../../core/index.ts";
import type { DataFormat, FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt, type Place } from "../records/record.ts";
import { fieldsOf } from "./row-kind.ts";
import { templateFields } from "./templates.ts";

/** A key by which data say how they are to be trained, not what they are. */
interface Directive {
  /** Keys that belong together: whoever uses one of them as data has seen the others. */
  readonly keys: readonly string[];
  readonly of: readonly ("record" | "message")[];
  /** In these formats it is understood. */
  readonly understood?: readonly DataFormat[];
  /** Whether a value asks for nothing but what is done anyway, or is no such key at all but plain data. */
  readonly isUsual: (value: unknown, fields: Mapping) => boolean;
  /** What is expected, behind the key. */
  readonly usual: string;
}

/** Yes, no and amounts, written out or not, as a number; undefined for anything else. */
export function amountOf(value: unknown): number | undefined {
  const text = String(value).trim().toLowerCase();
  if (text === "true" || text === "false") return Number(text === "true");
  const isAmount = ["number", "bigint", "string"].includes(typeof value) && text !== "" && !Number.isNaN(Number(text));
  return isAmount ? Number(text) : undefined;
}

/** What is said of a message, or of a piece of one, by whether it is trained: the keys of Axolotl and OpenAI. */
export const TRAINED_KEYS = ["train", "training", "weight"] as const;

/** A list, or JSON of one: CSV and some Parquet files hold it as a text. */
export function listOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== "string" || !value.trimStart().startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** In Parquet a field that a record does not have is null, in CSV an empty text. */
function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === "string") return ["", "[]", "{}"].includes(value.trim());
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Words for yes, where a key is about training alone. A text of several words is other data. */
const YES = ["yes", "on", "y", "t"];

/** Ones for all tokens: in a list, in JSON of one, or one for all. */
function isOnlyOnes(value: unknown): boolean {
  const list = listOf(value);
  if (list !== undefined) return list.every((one) => amountOf(one) === 1);
  // A word is no mask.
  return typeof value === "object" ? isAbsent(value) : (amountOf(value) ?? 1) === 1;
}

const ANYWHERE = ["record", "message"] as const;

const SEEN = ["image", "images", "audio", "audios", "video", "videos"];

/** Of a message what is seen or heard. */
function seenIn(message: Mapping): Mapping {
  return Object.fromEntries(Object.entries(message).filter(([key]) => SEEN.includes(key)));
}

/** All such keys. What is trained in spite of one would be trained otherwise than the data say. */
const DIRECTIVES: readonly Directive[] = [
  // Of messages they are understood.
  ...TRAINED_KEYS.map((key) => ({
    keys: [key],
    of: ["record"] as const,
    isUsual: (value: unknown) => {
      if (typeof value === "object") return false;
      const text = String(value).trim().toLowerCase();
      return (amountOf(value) ?? Number(/\s/.test(text) || YES.includes(text))) === 1;
    },
    usual: "true or 1",
  })),
  {
    keys: ["label"],
    of: ANYWHERE,
    understood: ["unpaired"],
    // Numbers from 2 on, and words, are the classes of a classification.
    isUsual: (value) => (amountOf(value) ?? 1) > 0,
    usual: "true",
  },
  {
    keys: ["kto_tag"],
    of: ["record"],
    understood: ["unpaired"],
    isUsual: (value) => (amountOf(value) ?? 1) > 0,
    usual: "true",
  },
  ...[
    ["chosen", "rejected"],
    ["preferred_output", "non_preferred_output"],
  ].map((keys) => ({
    keys,
    of: ["record"] as const,
    understood: ["preference"] as const,
    isUsual: isAbsent,
    usual: "absent",
  })),
  ...["tools", "chat_template_kwargs"].map((key) => ({
    keys: [key],
    of: ["record"] as const,
    understood: ["chat", "preference", "unpaired"] as const,
    isUsual: isAbsent,
    usual: "absent",
  })),
  // Without a chat template nothing writes them.
  {
    keys: ["history"],
    of: ["record"],
    understood: ["chat", "preference", "unpaired"],
    isUsual: (value) => !Array.isArray(value) || value.length === 0,
    usual: "absent, or format: chat",
  },
  { keys: ["functions"], of: ["record"], isUsual: isAbsent, usual: "absent" },
  ...SEEN.map((key) => ({
    keys: [key],
    of: ANYWHERE,
    isUsual: isAbsent,
    usual: "absent",
  })),
  { keys: ["function_call"], of: ["message"], isUsual: isAbsent, usual: "absent, and tool_calls in its place" },
  {
    keys: ["assistant_masks", "completion_mask", "loss_mask"],
    of: ["record"],
    understood: ["tokens"],
    isUsual: isOnlyOnes,
    usual: "ones only",
  },
  {
    keys: ["attention_mask"],
    of: ["record"],
    isUsual: (value, fields) => isOnlyOnes(value) || !(isAbsent(fields["labels"]) || isAbsent(fields["input_ids"])),
    usual: "ones only, or labels beside it",
  },
];

/** Keys that say how data are trained. */
export const DIRECTIVE_KEYS: ReadonlySet<string> = new Set(DIRECTIVES.flatMap(({ keys }) => keys));

/** Only instructions have templates. */
function hint(hasTemplates: boolean): string {
  const name = hasTemplates ? "name it in a template or give it" : "give it";
  return `Such data are not trained on. Take them out; where the key is plain data, ${name} another name.`;
}

/** Fields that a source uses as data. */
export function fieldsUsed({ prompt = "", response = "", field }: FileSource): ReadonlySet<string> {
  return new Set([...templateFields(prompt), ...templateFields(response), ...(field === undefined ? [] : [field])]);
}

/** @throws InputError for the first of some directives that asks for something that is not done */
function check(
  directives: readonly Directive[],
  fields: Mapping,
  place: Place,
  at: (key: string) => string,
  hasTemplates = false,
): void {
  for (const { keys, isUsual, usual } of directives) {
    const key = keys.find((one) => {
      const value = ownValue(fields, one);
      return !isAbsent(value) && !isUsual(value, fields);
    });
    if (key === undefined) continue;
    throw new InputError({
      expected: `"${key}" to be ${usual}`,
      ...{ ...place, at: at(key), got: ownValue(fields, key), hint: hint(hasTemplates) },
    });
  }
}

/**
 * @throws InputError for a record that asks for something that is not done, or not in its format. Of the first record
 * the format may not be known yet: then what some format understands is not refused.
 */
export function checkDirectives(record: DataRecord, used: ReadonlySet<string>, format?: DataFormat): void {
  // Answers with a label may be token ids.
  const isUnpaired = format === "tokens" && ownValue(fieldsOf(record), "completion_ids") !== undefined;
  const known = isUnpaired ? "unpaired" : format;
  const own = DIRECTIVES.filter(
    ({ of, keys, understood = [] }) =>
      of.includes("record") &&
      !(known === undefined ? understood.length > 0 : understood.includes(known)) &&
      !keys.some((key) => used.has(key)),
  );
  check(own, fieldsOf(record), record.place, (key) => fieldAt(record.place, key), format === "instruction");
}

/** Names, without case and dashes, by which other programs say of a message that it is trained, or that it is not. */
const MESSAGE_FLAGS: Readonly<Record<string, 0 | 1>> = {
  ...{ loss: 1, lossweight: 1, train: 1, training: 1, trainable: 1, istrain: 1, istrained: 1, weight: 1, learn: 1 },
  ...{ mask: 0, masked: 0, ismasked: 0, ignore: 0, skip: 0, rejected: 0, isrejected: 0 },
};

/** A flag under a name that is not read, with another value than the one that asks for nothing. */
function strangeFlag(message: Mapping): string | undefined {
  return Object.keys(message).find((key) => {
    const usual = MESSAGE_FLAGS[key.toLowerCase().replace(/[-_ ]/g, "")];
    const isRead = (TRAINED_KEYS as readonly string[]).includes(key);
    return usual !== undefined && !isRead && !isAbsent(message[key]) && amountOf(message[key]) !== usual;
  });
}

/** Columns beside token ids that would say something of them under a name that is read. */
const TOKEN_COLUMN = /mask|label|weight|position_ids|seq_?len|cu_seqlens|segment_ids/i;
const TOKEN_COLUMNS = ["labels", "attention_mask", "assistant_masks", "completion_mask", "loss_mask", "weight"];

/** @throws InputError for such a column under a name that is not read */
export function checkTokenColumns(record: DataRecord): void {
  const fields = fieldsOf(record);
  const strange = Object.keys(fields).find(
    (name) => TOKEN_COLUMN.test(name) && !TOKEN_COLUMNS.includes(name) && !isAbsent(fields[name]),
  );
  if (strange === undefined) return;
  throw new InputError({
    expected: `of the columns beside input_ids one of ${TOKEN_COLUMNS.slice(0, -1).join(", ")}`,
    ...{ ...record.place, at: fieldAt(record.place, strange), got: strange },
    hint: "`data.fields` says what the file calls labels. Take the column out if nothing follows from it.",
  });
}

/** Axolotl's training detail, under whatever key. */
function isDetail(value: unknown): boolean {
  const [first] = Array.isArray(value) ? value : [];
  return typeof first === "object" && first !== null && "begin_offset" in first;
}

/** The same of a message at a path. Nothing of the others' is trained, but what they show is answered. */
export function checkMessage(message: Mapping, isAssistants: boolean, place: Place, at: string): void {
  const detail = Object.keys(message).find((key) => isDetail(message[key]));
  if (isAssistants && detail !== undefined)
    throw new InputError({
      expected: `no "${detail}" that says of characters if they are trained`,
      ...{ ...place, at: `${at}.${detail}`, got: message[detail], hint: "Parts of the content can say so with train." },
    });
  const flag = isAssistants ? strangeFlag(message) : undefined;
  if (flag !== undefined)
    throw new InputError({
      expected: `no "${flag}", which is not read`,
      ...{ ...place, at: `${at}.${flag}`, got: message[flag] },
      hint: "`train`, `training` and `weight` say whether a message is trained; `data.fields: {train: ...}` names another key.",
    });
  const own = DIRECTIVES.filter(({ of }) => of.includes("message"));
  check(own, isAssistants ? message : seenIn(message), place, (key) => `${at}.${key}`);
}
