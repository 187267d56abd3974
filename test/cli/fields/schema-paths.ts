import { type FieldTable, isNamed } from "./check-fields.ts";

/** What is looked at of a JSON Schema, or of a part of it. */
export interface Schema {
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema | readonly Schema[];
  readonly const?: unknown;
}

/** The key paths that a schema allows, in the form of a table of fields. */
function* pathsOf(schema: Schema, path: string): Generator<string> {
  const { anyOf = [], oneOf = [], properties, additionalProperties, items } = schema;
  const inner = (key: string): string => (path === "" ? key : `${path}.${key}`);
  const ways = [...anyOf, ...oneOf];
  for (const way of ways) yield* pathsOf(way, path);
  for (const [key, value] of Object.entries(properties ?? {})) yield* pathsOf(value, inner(key));
  if (typeof additionalProperties === "object") yield* pathsOf(additionalProperties, inner("*"));
  if (items !== undefined && "length" in items) yield path;
  else if (items !== undefined) yield* pathsOf(items as Schema, `${path}[]`);
  else if (ways.length === 0 && properties === undefined && typeof additionalProperties !== "object") yield path;
}

/**
 * Paths that a schema allows and that neither a table nor `elsewhere` names, and what `elsewhere` names though it is in
 * the table or in no schema. `elsewhere` has the reason why a path does not occur; it stands for all paths within.
 */
export function unknownPaths(
  schema: Schema,
  table: FieldTable,
  elsewhere: Readonly<Record<string, string>>,
): readonly string[] {
  const missing = [...new Set(pathsOf(schema, ""))].filter((path) => !isNamed(table, path));
  const isWithin = (path: string, outer: string): boolean =>
    path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);
  const names = Object.keys(elsewhere);
  return [
    ...missing.filter((path) => !names.some((name) => isWithin(path, name))),
    ...names.filter((name) => !missing.some((path) => isWithin(path, name))),
  ];
}
