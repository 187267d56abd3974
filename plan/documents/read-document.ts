import type { z } from "zod";
import { InputError, PlanError } from "../../core/index.ts";
import { type DocumentPath, type ReadText, readText } from "./read-text.ts";

/** A path as text: `jobs[2].adapter.rank`. */
export function formatPath(path: DocumentPath): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}

/** The keys of a path that `formatPath` wrote. */
function parsePath(text: string): DocumentPath {
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? key! : Number(index),
  );
}

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

function valueAt(value: unknown, path: DocumentPath): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    if (!Object.hasOwn(current, key)) return undefined;
    current = (current as Readonly<Record<string | number, unknown>>)[key];
  }
  return current;
}

type Issue = z.core.$ZodIssue;

/** The issue inside a union that tells most: of the alternative that fits best. */
function flatten(issue: Issue): Issue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const weight = (issues: readonly Issue[]): number =>
    issues.reduce(
      (sum, one) =>
        sum +
        (one.code === "unrecognized_keys"
          ? 1 + one.keys.length
          : one.code === "invalid_type" && one.path.length === 0
            ? 10
            : 1),
      0,
    );
  const best = [...issue.errors].sort((a, b) => weight(a) - weight(b))[0]!;
  const inner = flatten(best.find(({ code }) => code === "unrecognized_keys") ?? best[0]!);
  return { ...inner, path: [...issue.path, ...inner.path] };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** What a schema expected, in words. */
export function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPE_WORDS[issue.expected] ?? `a value of type ${issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.map((value) => String(value)).join(", ")}`;
    case "too_small": {
      // That of every whole number is no bound that a key has.
      if (issue.minimum === Number.MIN_SAFE_INTEGER) return TYPE_WORDS["int"]!;
      const bound = `${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
      if (issue.origin === "array") return `a list of ${bound}`;
      return issue.origin === "string" ? `a text of ${bound} character` : `a number of ${bound}`;
    }
    case "too_big": {
      const bound = `${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
      return issue.origin === "array"
        ? `a list of ${bound}`
        : issue.origin === "string"
          ? `a text of ${bound} characters`
          : `a number of ${bound}`;
    }
    case "invalid_union":
      return "options" in issue && issue.options !== undefined ? `one of ${issue.options.join(", ")}` : issue.message;
    case "invalid_format":
    case "custom":
      return issue.message;
    case "unrecognized_keys":
      return "only known keys";
    default:
      return issue.message;
  }
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

interface SchemaNode {
  readonly shape?: Readonly<
    Record<string, { readonly def?: { readonly type?: string; readonly values?: readonly unknown[] } }>
  >;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
}

/** A schema without what stands around it, such as `optional` and `refine`. */
function unwrap(schema: unknown): SchemaNode {
  let current = schema as SchemaNode & { def?: { innerType?: unknown; in?: unknown } };
  while (current?.shape === undefined && (current?.def?.innerType ?? current?.def?.in) !== undefined)
    current = (current.def!.innerType ?? current.def!.in) as typeof current;
  return current;
}

type Shape = NonNullable<SchemaNode["shape"]>;

/** Of a union those shapes that the value's own words name, as `distribution: uniform` does; all where none is named. */
function shapesOf(schema: unknown, value: unknown): readonly Shape[] {
  const { shape, options } = unwrap(schema);
  if (shape !== undefined) return [shape];
  const all = (options ?? []).flatMap((option) => shapesOf(option, value));
  const named = all.filter((each) =>
    Object.entries(each).every(
      ([key, { def }]) => def?.type !== "literal" || def.values?.includes(valueAt(value, [key])),
    ),
  );
  return named.length > 0 ? named : all;
}

function knownKeys(schema: z.ZodType, value: unknown, path: DocumentPath): readonly string[] {
  let node: unknown = schema;
  for (const [depth, key] of path.entries()) {
    const shapes = shapesOf(node, valueAt(value, path.slice(0, depth)));
    node = typeof key === "number" ? unwrap(node).element : shapes.find((shape) => shape[key] !== undefined)?.[key];
    if (node === undefined) return [];
  }
  return [...new Set(shapesOf(node, valueAt(value, path)).flatMap((shape) => Object.keys(shape)))];
}

/** Where a path of the checked value stands in the text; for values that were merged from elsewhere. */
export type Relocate = (path: DocumentPath) => readonly DocumentPath[];

/**
 * Checks a value that was read from `source`.
 * @throws InputError for the first thing that is wrong, with file, line, column and path.
 */
export function checkDocument<T extends z.ZodType>(
  schema: T,
  value: unknown,
  source: ReadText,
  relocate: Relocate = (path) => [path],
): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  // A mistyped key comes first: what is missing because of it would only mislead.
  const issue = flatten(issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!);
  const unknownKey = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [
    ...issue.path.map((key) => (typeof key === "symbol" ? String(key) : key)),
    ...(unknownKey === undefined ? [] : [unknownKey]),
  ];
  const candidates = relocate(path);
  const present = candidates.find((candidate) => valueAt(source.value, candidate) !== undefined);
  const place = source.locate(present ?? candidates[0] ?? path);
  const known = unknownKey === undefined ? [] : knownKeys(schema, value, issue.path as DocumentPath);
  // The key itself is known where it is one of another kind's.
  const near = known.find((key) => key !== unknownKey && distance(key.toLowerCase(), unknownKey!.toLowerCase()) <= 2);
  throw new InputError({
    expected: expectation(issue),
    at: formatPath(present ?? candidates[0] ?? path),
    got: unknownKey ?? valueAt(value, path),
    file: source.file,
    ...(place ?? {}),
    ...(near !== undefined
      ? { hint: `Did you mean ${near}?` }
      : known.length > 0
        ? { hint: `Known keys: ${known.join(", ")}.` }
        : {}),
  });
}

/** Checks figures that were made of a document. @throws InputError for the first that is wrong */
export function checkFigures<T extends z.ZodType>(schema: T, figures: unknown): z.infer<T> {
  const result = schema.safeParse(figures);
  if (result.success) return result.data;
  const issue = flatten(result.error.issues[0]!);
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  throw new InputError({ expected: expectation(issue), at: formatPath(path), got: valueAt(figures, path) });
}

/** Reads and checks one document. @throws InputError */
export function parseDocument<T extends z.ZodType>(schema: T, text: string, file: string): z.infer<T> {
  const source = readText(text, file);
  return checkDocument(schema, source.value, source);
}
