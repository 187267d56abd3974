import { microBatchTokens, type PlanBody } from "../plan/index.ts";

/** Bytes of each micro-batch's activations, and of its gradients: [tokens, hidden] in the precision that stages exchange. */
export function messageBytes(plan: Pick<PlanBody, "microBatches" | "model">): readonly number[] {
  const bytesPerToken = plan.model.architecture.hiddenSize * (plan.model.dtype === "bfloat16" ? 2 : 4);
  return plan.microBatches.map((microBatch) => microBatchTokens(microBatch) * bytesPerToken);
}
