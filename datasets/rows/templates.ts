import { InputError, ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { fieldsOf, textField } from "./row-kind.ts";

/** A name with white space around it. */
const FIELD = /\{\{([^{}]+)\}\}/g;
/** The same in single braces. */
const SINGLE = /\{([^{}]+)\}/g;

/** The fields that a template names. */
export function templateFields(template: string): readonly string[] {
  return [...template.matchAll(FIELD)].map(([, field]) => field!.trim());
}

/** A template with the texts of its fields. */
export function fillWith(template: string, textOf: (field: string) => string): string {
  return template.replaceAll(FIELD, (_, field: string) => textOf(field.trim()));
}

/** A template with a record's fields in it. @throws InputError for one that it does not have */
export function fillTemplate(template: string, record: DataRecord): string {
  return fillWith(template, (field) => textField(record, field));
}

/**
 * Refuses templates that cannot be read, and those that make the same text of every record: a response without a field,
 * and a prompt without one in which a field's name stands in single braces. A prompt that is meant to be the same for
 * all has no such name.
 * @throws InputError naming the fields of the record
 */
export function checkTemplates({ prompt, response }: FileSource, record: DataRecord, where: string): void {
  for (const [key, template] of Object.entries({ prompt, response })) {
    if (template === undefined) continue;
    const at = `${where}.${key}`;
    if (/\{\{|\}\}/.test(template.replaceAll(FIELD, "")))
      throw new InputError({ expected: "{{field}} with the name of a field", at, got: template });
    if (templateFields(template).length > 0) continue;
    const fields = fieldsOf(record);
    const meant = [...template.matchAll(SINGLE)]
      .map(([, name]) => name!.trim())
      .find((name) => ownValue(fields, name) !== undefined);
    if (key === "prompt" && meant === undefined) continue;
    const why = meant === undefined ? "Every row would be trained on the same text." : `Write {{${meant}}}.`;
    const hint = `${why} The fields are ${Object.keys(fields).join(", ")}.`;
    throw new InputError({ expected: "a template that names a field as {{field}}", at, got: template, hint });
  }
}
