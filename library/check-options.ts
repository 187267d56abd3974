import { z } from "zod";
import { InputError } from "../core/index.ts";
import { checkDocument } from "../plan/index.ts";
import { placeless } from "./placeless.ts";
import type { Surroundings } from "./surroundings.ts";

const text = z.string().min(1);
const callback = z.custom<(...args: never[]) => void>((value) => typeof value === "function", "a function").optional();

/** A document's file, or the document. */
export const documentOption = z.union([text, z.looseObject({})], "a path or a document");
export const textOption = text;
export const callbackOption = callback;
export const countOption = z.int().min(1);

/** How intervals are drawn. */
export const drawsOption = z.union(
  [z.literal(false), z.strictObject({ samples: countOption.max(100_000).optional(), seed: z.int().min(0).optional() })],
  "false, or samples and a seed",
);

export const surroundingsShape = {
  cwd: text.optional(),
  cache: z.boolean().optional(),
  onNote: callback,
  onWarning: callback,
} satisfies Record<keyof Surroundings, z.ZodType>;

/** A plan, at the door: it was made here, so that looking for its hash tells it from anything else. */
export const planSchema = z.custom((value) => {
  const { hash, segments } = (value ?? {}) as { readonly hash?: unknown; readonly segments?: unknown };
  return typeof hash === "string" && Array.isArray(segments);
}, "a plan that `plan` or `readPlan` gave");

/** All arguments, by name. @throws InputError for an option that is none, or has another value */
export function checkArguments(schema: z.ZodType, given: unknown): void {
  try {
    checkDocument(schema, given, { value: given, file: "", locate: () => undefined });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(placeless(error.facts));
  }
}
