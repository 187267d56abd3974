import { InputError, ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import { listOf } from "./directives.ts";
import type { Turn } from "./message.ts";
import type { Reading } from "./reading.ts";
import { fieldNames, fieldsOf, type RowKind, type RowPart, rowOfParts, textField } from "./row-kind.ts";
import { fillTemplate } from "./templates.ts";

interface Templates {
  readonly prompt: string;
  readonly response: string;
}

/** What is used without templates, by the fields of the record; `input` is left out where it is empty. */
const DEFAULTS: readonly (Templates & { readonly fields: readonly string[] })[] = [
  {
    fields: ["instruction", "input", "output"],
    prompt: "### Instruction:\n{{instruction}}\n\n### Input:\n{{input}}\n\n### Response:\n",
    response: "{{output}}",
  },
  {
    fields: ["instruction", "output"],
    prompt: "### Instruction:\n{{instruction}}\n\n### Response:\n",
    response: "{{output}}",
  },
  {
    fields: ["instruction", "completion"],
    prompt: "### Instruction:\n{{instruction}}\n\n### Response:\n",
    response: "{{completion}}",
  },
  { fields: ["question", "answer"], prompt: "Question: {{question}}\nAnswer:", response: " {{answer}}" },
  { fields: ["prompt", "response"], prompt: "{{prompt}}", response: "{{response}}" },
  { fields: ["prompt", "completion"], prompt: "{{prompt}}", response: "{{completion}}" },
];

/** What stands before an instruction without a system text (Stanford Alpaca, Taori et al. 2023). */
export const ALPACA = {
  withInput:
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.",
  withoutInput:
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
} as const;

/** What a record asks and what it answers, by its fields: of an instruction the input too. */
const ASKED = [
  ["instruction", "output"],
  ["question", "answer"],
  ["prompt", "response"],
  ["prompt", "completion"],
  ["instruction", "completion"],
] as const;

function isText(value: unknown): boolean {
  return value !== undefined && value !== "" && value !== null;
}

/** The built-in templates that fit a record's fields. */
export function defaultTemplates(
  record: DataRecord,
  takesEmpty = false,
): (Templates & { readonly fields: readonly string[] }) | undefined {
  const fields = fieldsOf(record);
  return DEFAULTS.find(({ fields: own }) =>
    own.every((field, at) => isText(fields[field]) || (takesEmpty && at === own.length - 1 && fields[field] === "")),
  );
}

/** @throws InputError listing the fields */
function refuse(record: DataRecord): never {
  const known = DEFAULTS.map(({ fields }) => fields.join(" + ")).join(", or ");
  const hint = 'Give prompt and response templates, as in prompt: "Question: {{question}}\\nAnswer:".';
  throw new InputError({ expected: `the fields ${known}`, ...record.place, got: fieldNames(record), hint });
}

function systemOf(record: DataRecord): string | undefined {
  return isText(ownValue(fieldsOf(record), "system")) ? textField(record, "system") : undefined;
}

/** A prompt that is not scored, and a response that is. @throws InputError */
function instructionParts(
  record: DataRecord,
  { prompt, response, trainOnInputs = false }: FileSource,
  reading: Reading,
): readonly [RowPart, RowPart] {
  const given = prompt !== undefined && response !== undefined ? { prompt, response } : undefined;
  const templates = given ?? defaultTemplates(record, reading.takesEmpty) ?? refuse(record);
  const isInstruction = given === undefined && ownValue(fieldsOf(record), "instruction") !== undefined;
  const hasInput = "fields" in templates && (templates.fields as readonly string[]).includes("input");
  const usual = reading.instruction === "alpaca" ? ALPACA[hasInput ? "withInput" : "withoutInput"] : undefined;
  const before = isInstruction ? (systemOf(record) ?? usual) : undefined;
  const asked = fillTemplate(templates.prompt, record);
  return [
    { text: before === undefined ? asked : `${before}\n\n${asked}`, scored: trainOnInputs },
    { text: fillTemplate(templates.response, record), scored: true },
  ];
}

function turn(role: "user" | "assistant", content: string): Turn {
  return { message: { role, content }, isAnswer: role === "assistant", isTrained: true, spans: undefined };
}

/** Earlier questions and answers, as pairs of texts. @throws InputError */
function historyOf(record: DataRecord): readonly Turn[] {
  const value = ownValue(fieldsOf(record), "history");
  if (!isText(value) || value === "[]") return [];
  const pairs = listOf(value);
  return (pairs ?? [value]).flatMap((pair, index) => {
    const texts = pairs === undefined ? undefined : listOf(pair);
    if (texts?.length !== 2 || texts.some((text) => typeof text !== "string"))
      throw new InputError({
        expected: "a question and its answer",
        ...record.place,
        at: `${fieldAt(record.place, "history")}[${index}]`,
        got: pair,
      });
    return [turn("user", texts[0] as string), turn("assistant", texts[1] as string)];
  });
}

/** Whether a record's instruction has earlier turns, which only a chat template can write. */
export function hasHistory(fields: Readonly<Record<string, unknown>>): boolean {
  const history = ownValue(fields, "history");
  return ownValue(fields, "instruction") !== undefined && (listOf(history)?.length ?? 0) > 0;
}

/** A record that asks and answers in texts as turns of a conversation; undefined where it is none. */
export function instructionTurns(record: DataRecord): readonly Turn[] | undefined {
  const fields = fieldsOf(record);
  const names = ASKED.find((pair) => pair.every((name) => ownValue(fields, name) != null));
  if (names === undefined) return undefined;
  const input =
    names[0] === "instruction" && isText(ownValue(fields, "input")) ? `\n${textField(record, "input")}` : "";
  return [
    ...historyOf(record),
    turn("user", `${textField(record, names[0])}${input}`),
    turn("assistant", textField(record, names[1])),
  ];
}

/** A prompt that is not scored, a response that is, and the end token. */
export const instructionRow: RowKind = (record, { source, reading, tokenizer, mostTokens }) => {
  const parts = instructionParts(record, source, reading);
  return rowOfParts(tokenizer(), parts, {
    mostTokens,
    begins: true,
    ends: parts[1]!.text !== "" || reading.scoresEmpty,
    isApart: reading.apart !== "nothing",
  });
};
