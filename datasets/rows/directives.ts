import { InputError, ownValue } from "../../core/index.ts";
import type { DataFormat, FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt, type Place } from "../records/record.ts";
import { fieldsOf } from "./row-kind.ts";
import { templateFields } from "./templates.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A key by which data say how they are to be trained, not what they are. */
interface Directive {
  /** Keys that belong together: whoever uses one of them as data has seen the others. */
  readonly keys: readonly string[];
  readonly of: readonly ("record" | "message")[];
  /** Understood in conversations. */
  readonly isOfChat?: true;
  /** Whether a value asks for nothing but what is done anyway, or is no such key at all but plain data. */
  readonly isUsual: (value: unknown, fields: Fields) => boolean;
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

/** Other words for no, which are no classes where a key is about training alone. */
const NO = ["no", "off", "none", "never", "skip", "n", "f"];

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
function seenIn(message: Fields): Fields {
  return Object.fromEntries(Object.entries(message).filter(([key]) => SEEN.includes(key)));
}

/** All such keys. What is trained in spite of one would be trained otherwise than the data say. */
const DIRECTIVES: readonly Directive[] = [
  // Of messages they are understood.
  ...TRAINED_KEYS.map((key) => ({
    keys: [key],
    of: ["record"] as const,
    isUsual: (value: unknown) => (amountOf(value) ?? 1) === 1 && !NO.includes(String(value).trim().toLowerCase()),
    usual: "true or 1",
  })),
  {
    keys: ["label"],
    of: ANYWHERE,
    // Numbers from 2 on, and words, are the classes of a classification.
    isUsual: (value) => amountOf(value) !== 0,
    usual: "true",
  },
  { keys: ["kto_tag"], of: ["record"], isUsual: (value) => amountOf(value) !== 0, usual: "true" },
  ...[
    ["chosen", "rejected"],
    ["preferred_output", "non_preferred_output"],
  ].map((keys) => ({ keys, of: ["record"] as const, isUsual: isAbsent, usual: "absent" })),
  { keys: ["tools"], of: ["record"], isOfChat: true, isUsual: isAbsent, usual: "absent" },
  ...["functions", "chat_template_kwargs"].map((key) => ({
    keys: [key],
    of: ["record"] as const,
    isUsual: isAbsent,
    usual: "absent",
  })),
  ...SEEN.map((key) => ({
    keys: [key],
    of: ANYWHERE,
    isUsual: isAbsent,
    usual: "absent",
  })),
  { keys: ["function_call"], of: ["message"], isUsual: isAbsent, usual: "absent, and tool_calls in its place" },
  { keys: ["train_detail"], of: ["message"], isUsual: isAbsent, usual: "absent" },
  {
    keys: ["attention_mask", "assistant_masks", "completion_mask", "loss_mask"],
    of: ["record"],
    isUsual: (value, fields) => isOnlyOnes(value) || !(isAbsent(fields["labels"]) || isAbsent(fields["input_ids"])),
    usual: "ones only, or labels beside it",
  },
];

/** Only instructions have templates. */
function hint(hasTemplates: boolean): string {
  const name = hasTemplates ? "name it in a template or give it" : "give it";
  return `It is not understood, so that such data are not trained on. Take them out; where the key is plain data, ${name} another name.`;
}

/** Fields that a source uses as data. */
export function fieldsUsed({ prompt = "", response = "", field }: FileSource): ReadonlySet<string> {
  return new Set([...templateFields(prompt), ...templateFields(response), ...(field === undefined ? [] : [field])]);
}

/** @throws InputError for the first of some directives that asks for something that is not done */
function check(
  directives: readonly Directive[],
  fields: Fields,
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

/** @throws InputError for a record that asks for something that is not done */
export function checkDirectives(record: DataRecord, used: ReadonlySet<string>, format?: DataFormat): void {
  const isText = format === "instruction" || format === "text";
  const own = DIRECTIVES.filter(
    ({ of, keys, isOfChat }) =>
      of.includes("record") && (isText || isOfChat !== true) && !keys.some((key) => used.has(key)),
  );
  check(own, fieldsOf(record), record.place, (key) => fieldAt(record.place, key), format === "instruction");
}

/** The same of a message at a path. Nothing of the others' is trained, but what they show is answered. */
export function checkMessage(message: Fields, isAssistants: boolean, place: Place, at: string): void {
  const own = DIRECTIVES.filter(({ of }) => of.includes("message"));
  check(own, isAssistants ? message : seenIn(message), place, (key) => `${at}.${key}`);
}
