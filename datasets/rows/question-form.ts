import { ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { inferFormat } from "./infer-format.ts";
import { ALPACA, defaultTemplates } from "./instruction.ts";
import { isCompared } from "./preference.ts";
import { comparedReading, readingOf } from "./reading.ts";
import { fieldsOf } from "./row-kind.ts";
import { fillWith, templateFields } from "./templates.ts";

/** What a question is put into, so that it looks like those of the rows: a chat's turn, a template, or nothing. */
export type QuestionForm =
  | { readonly kind: "chat"; readonly chatTemplate?: string | undefined }
  | {
      readonly kind: "template";
      readonly template: string;
      /** Stands in front where there is no system text. */
      readonly before?: string | undefined;
    }
  | { readonly kind: "raw" };

const RAW: QuestionForm = { kind: "raw" };

/**
 * By the first record of a source; a template only where a question is all that it asks for. @throws InputError where the
 * record's format cannot be told
 */
export function questionForm(source: Omit<FileSource, "path">, first: DataRecord): QuestionForm {
  const whole = { ...source, path: "" };
  const format = source.format ?? inferFormat(whole, first).format;
  const fields = fieldsOf(first);
  const isOfMessages = ["prompt", "chosen", "completion"].some((name) => Array.isArray(ownValue(fields, name)));
  const reading = isCompared(format) ? comparedReading(whole) : readingOf(whole);
  const asks = format === "instruction" || isCompared(format);
  const isWritten = reading.instruction === "chat" && source.prompt === undefined;
  if (format === "chat" || isOfMessages || (asks && isWritten))
    return { kind: "chat", chatTemplate: source.chatTemplate };
  if (!asks) return RAW;
  const chosen = ownValue(fields, "chosen");
  const answered = chosen === undefined ? {} : { output: chosen, answer: chosen, completion: chosen };
  const template =
    source.prompt ?? defaultTemplates({ ...first, value: { ...fields, ...answered, input: "" } })?.prompt;
  const [field, ...others] = template === undefined ? [] : templateFields(template);
  if (template === undefined || field === undefined || others.length > 0) return RAW;
  const isAlpaca = reading.instruction === "alpaca" && source.prompt === undefined && field === "instruction";
  return { kind: "template", template, ...(isAlpaca ? { before: ALPACA.withoutInput } : {}) };
}

/** A question in its template, behind a system text. */
export function questionText(
  { template, before }: Extract<QuestionForm, { kind: "template" }>,
  question: string,
  system = before,
): string {
  const text = fillWith(template, () => question);
  return system === undefined ? text : `${system}\n\n${text}`;
}

/** A form in a few words, for people. */
export function formText(form: QuestionForm): string {
  switch (form.kind) {
    case "chat":
      return form.chatTemplate === undefined ? "the model's chat template" : "the chat template of its data";
    case "template":
      return "the template of its rows";
    case "raw":
      return "the prompt alone";
  }
}
