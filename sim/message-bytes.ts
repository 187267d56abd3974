import { microBatchTokens, type PlanBody } from "../plan/index.ts";

/** Bytes of each micro-batch's activations, and of its gradients: [tokens, hidden] in float32 for a float32 model and in bfloat16 for any other. */
export function messageBytes(plan: Pick<PlanBody, "microBatches" | "model">): readonly number[] {
  const bytesPerToken = plan.model.architecture.hiddenSize * (plan.model.dtype === "float32" ? 4 : 2);
  return plan.microBatches.map((microBatch) => microBatchTokens(microBatch) * bytesPerToken);
}
