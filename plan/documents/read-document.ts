import type { z } from "zod";
import { InputError, PlanError } from "../../core/index.ts";
import { formatPath, parsePath, valueAt } from "./document-path.ts";
import { errorOf, faultsOf, type Relocate } from "./faults.ts";
import { type ReadText, readText } from "./read-text.ts";

/**
 * The same error with the file, line and column that its path has in `source`, unless it names another file or a flag;
 * what a job does not say itself lies in `defaults`.
 */
export function placeError(error: unknown, source: ReadText): unknown {
  if (!(error instanceof InputError || error instanceof PlanError)) return error;
  const { facts } = error;
  const { file, line, at } = facts;
  if (line !== undefined || (file !== undefined && file !== source.file) || at?.startsWith("-") === true) return error;
  const made = parsePath(at ?? "");
  const path = source.written?.(made) ?? made;
  const inDefaults = path[0] === "jobs" ? ["defaults", ...made.slice(2)] : path;
  const written = valueAt(source.value, path) === undefined && valueAt(source.value, inDefaults) !== undefined;
  const own = written ? inDefaults : path;
  const isElsewhere = written || source.written !== undefined;
  const where = at === undefined ? {} : { at: isElsewhere ? formatPath(own) : at, ...source.locate(own) };
  const placed = { ...facts, file: source.file, ...where };
  return error instanceof PlanError
    ? new PlanError(placed, { cause: error })
    : new InputError(placed, { cause: error });
}

/**
 * Checks a value that was read from `source`.
 * @throws InputError for all that is wrong, each with file, line, column and path.
 */
export function checkDocument<T extends z.ZodType>(
  schema: T,
  value: unknown,
  source: ReadText,
  relocate?: Relocate,
): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw errorOf(faultsOf(schema, value, result.error.issues, source, relocate));
}

/** Checks figures that were made of a document. @throws InputError for the first that is wrong */
export function checkFigures<T extends z.ZodType>(schema: T, figures: unknown): z.infer<T> {
  const result = schema.safeParse(figures);
  if (result.success) return result.data;
  const nowhere: ReadText = { value: figures, file: "", locate: () => undefined };
  const { file: _file, ...first } = faultsOf(schema, figures, result.error.issues, nowhere)[0]!;
  throw new InputError(first);
}

/** Reads and checks one document. @throws InputError */
export function parseDocument<T extends z.ZodType>(schema: T, text: string, file: string): z.infer<T> {
  const source = readText(text, file);
  return checkDocument(schema, source.value, source);
}

/** The same; undefined of a text that is no such document, as of another version. */
export function parseReadable<T extends z.ZodType>(schema: T, text: string, file: string): z.infer<T> | undefined {
  try {
    return parseDocument(schema, text, file);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
