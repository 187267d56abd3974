import { z } from "zod";

/** How the base model's weights are kept. */
export const dtypeSchema = z.enum(["float32", "bfloat16", "int8", "nf4"]);
export type Dtype = z.infer<typeof dtypeSchema>;

/** Other words for one of them, in which nothing is left open: 8 bits, for one, may be int8 or float8. */
export const DTYPE_WORDS = { bf16: "bfloat16", fp32: "float32", f32: "float32", float: "float32" } as const;

const dtypeWordSchema = z.enum(["bf16", "fp32", "f32", "float"]);

/** The same as a person writes it. */
export const writtenDtypeSchema = z.union([
  dtypeSchema,
  dtypeWordSchema.transform((word): Dtype => DTYPE_WORDS[word]).pipe(dtypeSchema),
]);
