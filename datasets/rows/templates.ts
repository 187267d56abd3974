import { InputError, ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { fieldsOf, textField } from "./row-kind.ts";

const FIELD = /\{\{\s*([^{}]+?)\s*\}\}/g;
/** A name in single braces. */
const SINGLE = /\{\s*([^{}]+?)\s*\}/g;

/** The fields that a template names. */
export function templateFields(template: string): readonly string[] {
  return [...template.matchAll(FIELD)].map(([, field]) => field!);
}

/** A template with a record's fields in it. @throws InputError */
export function fillTemplate(template: string, record: DataRecord, at: string): string {
  if (/\{\{|\}\}/.test(template.replaceAll(FIELD, ""))) {
    throw new InputError({ expected: "{{field}} with the name of a field", at, got: template });
  }
  return template.replaceAll(FIELD, (_, field: string) => textField(record, field));
}

/**
 * Refuses templates that make the same text of every record: a response without a field, and a prompt without one in
 * which a field's name stands in single braces. A prompt that is meant to be the same text has no such name.
 * @throws InputError naming the fields of the record
 */
export function checkTemplates({ prompt, response }: FileSource, record: DataRecord, at: string): void {
  const fields = fieldsOf(record);
  for (const [key, template] of Object.entries({ prompt, response })) {
    if (template === undefined || /\{\{|\}\}/.test(template)) continue;
    const meant = [...template.matchAll(SINGLE)].find(([, name]) => ownValue(fields, name!) !== undefined)?.[1];
    if (key === "prompt" && meant === undefined) continue;
    throw new InputError({
      expected: "a template that names a field as {{field}}",
      at: `${at}.${key}`,
      got: template,
      hint: `${meant === undefined ? "Every row would be trained on the same text." : `Two braces on each side: {{${meant}}}.`} The fields are ${Object.keys(fields).join(", ")}.`,
    });
  }
}
