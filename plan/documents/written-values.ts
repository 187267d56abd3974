import { z } from "zod";
import { PROJECTIONS, type Projection, UNFUSED_PROJECTIONS } from "./projections.ts";

/** One that an adapter may have as a target. */
export const projectionSchema: z.ZodType<Projection, Projection> = z.enum(PROJECTIONS);

/** The projections of an adapter. */
export const targetsSchema = z
  .array(projectionSchema)
  .min(1)
  .refine((targets) => new Set(targets).size === targets.length, "targets without repetition");

/** Ids of tokens, of which an adapter has a few. */
export const tokensSchema = z
  .array(z.int().min(0))
  .min(1)
  .max(2 ** 12)
  .refine((ids) => ids.every((id, at) => at === 0 || ids[at - 1]! < id), "ascending ids, each once");

/** Targets as a person writes them: one by its name, or PEFT's word for all. */
export const writtenTargetsSchema = z.union([
  targetsSchema,
  z
    .enum([...PROJECTIONS, "all-linear"])
    .transform((word): Projection[] => (word === "all-linear" ? [...UNFUSED_PROJECTIONS] : [word]))
    .pipe(targetsSchema),
]);

/** As GNU coreutils have it: `K`, `KiB` are 1024, `KB` is 1000. */
const POWERS = ["", "k", "m", "g", "t"];
const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b|b)?$/i;
const RATE = /^(\d+(?:\.\d+)?)\s*([KMGTkmgt]?)(i?B)\/s$/;

function inBytes(text: string, form: RegExp): number {
  const [, digits, prefix, unit = ""] = form.exec(text.trim())!;
  const base = prefix !== "" && unit.toLowerCase() === "b" ? 1000 : 1024;
  return Math.round(Number(digits) * base ** POWERS.indexOf(prefix!.toLowerCase()));
}

const positive = z.number().positive();

function writtenAs(form: RegExp, words: string) {
  return z.union([
    positive,
    z
      .string()
      .regex(form, words)
      .transform((text) => inBytes(text, form))
      .pipe(positive),
  ]);
}

/** Bytes, as a number or as `80 GB`, `80GiB`, `8G`. */
export const writtenBytesSchema = writtenAs(SIZE, "bytes as a number, or with a unit such as 80 GB or 8 GiB");

/** Bytes a second, as a number or as `25 GB/s`. Bits are never meant. */
export const writtenRateSchema = writtenAs(RATE, "bytes a second as a number, or with a unit such as 25 GB/s");
