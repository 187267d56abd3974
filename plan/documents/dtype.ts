import { z } from "zod";

/** How the base model's weights are kept. */
export const dtypeSchema = z.enum(["float32", "bfloat16", "int8", "nf4"]);
export type Dtype = z.infer<typeof dtypeSchema>;

/** Other words for one of them, in which nothing is left open: 8 bits, for one, may be int8 or float8. */
export const DTYPE_WORDS = { bf16: "bfloat16", fp32: "float32", f32: "float32", float: "float32" } as const;

/** What to say to words that leave something open, or that there is nothing for. */
const NEAR_WORDS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["4bit", "4-bit", "int4", "fp4", "q4"].map((word) => [word, "nf4 keeps weights in 4 bits, as QLoRA does."]),
  ),
  ...Object.fromEntries(
    ["8bit", "8-bit", "fp8", "float8", "q8"].map((word) => [word, "int8 keeps weights in 8 bits, as LLM.int8() does."]),
  ),
  ...Object.fromEntries(
    ["float16", "fp16", "f16", "half"].map((word) => [word, "There is no float16: bfloat16 takes as many bytes."]),
  ),
};

/** What helps with a word that is no dtype; undefined where it is no word for one anywhere. */
export function dtypeHint(word: string): string | undefined {
  return Object.hasOwn(NEAR_WORDS, word.toLowerCase()) ? NEAR_WORDS[word.toLowerCase()] : undefined;
}

/** The same as a person writes it. */
export const writtenDtypeSchema = z.union([
  dtypeSchema,
  z
    .enum(Object.keys(DTYPE_WORDS) as (keyof typeof DTYPE_WORDS)[])
    .transform((word): Dtype => DTYPE_WORDS[word])
    .pipe(dtypeSchema),
]);
