import type { Dtype } from "../documents/dtype.ts";

/** How a device stores activations between operators: as products take them. */
export type ComputeDtype = "float32" | "bfloat16";

export const COMPUTE_BYTES: Readonly<Record<ComputeDtype, number>> = { float32: 4, bfloat16: 2 };

/** fp32 for a float32 model, bfloat16 for any other. */
export function computeDtype(dtype: Dtype): ComputeDtype {
  return dtype === "float32" ? "float32" : "bfloat16";
}
