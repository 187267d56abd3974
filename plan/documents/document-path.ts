export type DocumentPath = readonly (string | number)[];

/** A path as text: `jobs[2].adapter.rank`. */
export function formatPath(path: DocumentPath): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}

/** The keys of a path that `formatPath` wrote. */
export function parsePath(text: string): DocumentPath {
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? key! : Number(index),
  );
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(value: unknown, path: DocumentPath): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    if (!Object.hasOwn(current, key)) return undefined;
    current = (current as Readonly<Record<string | number, unknown>>)[key];
  }
  return current;
}
