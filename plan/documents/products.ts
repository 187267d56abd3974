import { z } from "zod";

const matrixDtype = z.enum(["float32", "bfloat16"]);
const size = z.int().positive();

/**
 * How a library does the products of a GPU with frozen weights, where it offers several ways: the one that was the
 * fastest where it was measured. With the same table two runs give the same bytes.
 */
export const productsSchema = z.strictObject({
  /** Name and version of the library, which alone understands the algorithms; another one takes its own first choice. */
  library: z.string().min(1),
  choices: z.array(
    z.strictObject({
      /** dx = dy W, and not y = x W^T. */
      backward: z.boolean(),
      /** Of x and W, and of the result. */
      dtype: matrixDtype,
      outDtype: matrixDtype,
      /** Whether the result is added to what is there, or to a residual. */
      adds: z.boolean(),
      /** Of the weight [out, in]. */
      out: size,
      in: size,
      /** At how many rows it was measured. Others take that of the next more rows, or of the most. */
      rows: size,
      /** The library's own words, in hexadecimal digits. */
      algorithm: z.string().regex(/^[0-9a-f]{128}$/),
    }),
  ),
});

export type Products = z.infer<typeof productsSchema>;
