import { COMPUTE_BYTES, computeDtype } from "./compute-dtype.ts";
import type { PlanBody } from "./documents/plan.ts";

/** Bytes of a token's activations, or of their gradients, between two stages. */
export function messageBytesPerToken({
  architecture,
  dtype,
}: Pick<PlanBody["model"], "architecture" | "dtype">): number {
  return architecture.hiddenSize * COMPUTE_BYTES[computeDtype(dtype)];
}
