import type { Mapping } from "../../core/index.ts";
/**
 * A row of a columnar file as JSON would have it: whole numbers that a number cannot hold and dates as texts, lists of
 * numbers as arrays. Fields that hold nothing are left out, since there every row has every field.
 */
export function plainRecord(fields: object): Mapping {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== undefined) {
      const inside = plainValue(value);
      if (name === "__proto__") Object.defineProperty(plain, name, { value: inside, enumerable: true });
      else plain[name] = inside;
    }
  return plain;
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as unknown as ArrayLike<unknown>, plainValue);
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "no date" : value.toISOString();
  return value !== null && typeof value === "object" ? plainRecord(value) : value;
}
