import type { PlanBody } from "./documents/plan.ts";

/** Bytes of a token's activations, or of their gradients, between two stages: fp32 for a float32 model, bfloat16 for any other. */
export function messageBytesPerToken({
  architecture,
  dtype,
}: Pick<PlanBody["model"], "architecture" | "dtype">): number {
  return architecture.hiddenSize * (dtype === "float32" ? 4 : 2);
}
