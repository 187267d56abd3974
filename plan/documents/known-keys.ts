import type { z } from "zod";
import { type DocumentPath, valueAt } from "./document-path.ts";

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

/** The keys that a schema has at a path; of a union those of every shape that the value may be. */
export function knownKeys(schema: z.ZodType, value: unknown, path: DocumentPath): readonly string[] {
  let node: unknown = schema;
  for (const [depth, key] of path.entries()) {
    const shapes = shapesOf(node, valueAt(value, path.slice(0, depth)));
    node = typeof key === "number" ? unwrap(node).element : shapes.find((shape) => shape[key] !== undefined)?.[key];
    if (node === undefined) return [];
  }
  return [...new Set(shapesOf(node, valueAt(value, path)).flatMap((shape) => Object.keys(shape)))];
}
