import { messageBytesPerToken, microBatchTokens, type PlanBody } from "../plan/index.ts";

/** Bytes of each micro-batch's activations, and of its gradients. */
export function messageBytes(plan: Pick<PlanBody, "microBatches" | "model">): readonly number[] {
  const bytesPerToken = messageBytesPerToken(plan.model);
  return plan.microBatches.map((microBatch) => microBatchTokens(microBatch) * bytesPerToken);
}
