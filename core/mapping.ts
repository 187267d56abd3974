/** What a document has under keys. */
export type Mapping = Readonly<Record<string, unknown>>;

/** Whether a value is a mapping: an object that is no list. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value under a key that a document gave: what an object inherits, such as `constructor`, is none. */
export function ownValue<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
