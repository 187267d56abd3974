import { ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { inferFormat } from "./infer-format.ts";
import { defaultTemplates } from "./instruction.ts";
import { fieldsOf } from "./row-kind.ts";
import { fillWith, templateFields } from "./templates.ts";

/** What a question is put into, so that it looks like those of the rows: a chat's turn, a template, or nothing. */
export type QuestionForm =
  | { readonly kind: "chat"; readonly chatTemplate?: string | undefined }
  | { readonly kind: "template"; readonly template: string }
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
  if (format === "chat" || isOfMessages) return { kind: "chat", chatTemplate: source.chatTemplate };
  if (format !== "instruction") return RAW;
  const template = source.prompt ?? defaultTemplates({ ...first, value: { ...fields, input: "" } })?.prompt;
  return template === undefined || templateFields(template).length !== 1 ? RAW : { kind: "template", template };
}

/** A question in its template. */
export function questionText(template: string, question: string): string {
  return fillWith(template, () => question);
}
