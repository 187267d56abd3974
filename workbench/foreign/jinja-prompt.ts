import type { Mapping } from "../../core/index.ts";
import { compileTemplate } from "../../datasets/index.ts";
import type { SeenRows } from "./look-at-rows.ts";

/** A template of ours that makes the same text as a Jinja template of `data_point`; undefined where none does. */
export function promptOfJinja(text: string, seen: SeenRows | undefined): string | undefined {
  const [row] = seen?.first ?? [];
  if (row === undefined) return undefined;
  try {
    const render = compileTemplate(text);
    const fill = (fields: Mapping): string => render({ data_point: fields });
    const marked = Object.fromEntries(Object.keys(row).map((key) => [key, `{{${key}}}`]));
    const made = fill(marked);
    const ours = (fields: Mapping): string =>
      made.replaceAll(/\{\{([^{}]+)\}\}/g, (whole, key: string) =>
        Object.hasOwn(fields, key) ? String(fields[key]) : whole,
      );
    return seen!.first.every((fields) => fill(fields) === ours(fields)) ? made : undefined;
  } catch {
    return undefined;
  }
}
