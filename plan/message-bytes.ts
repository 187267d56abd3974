import { COMPUTE_BYTES, computeDtype } from "./compute-dtype.ts";
import type { PlanBody } from "./documents/plan.ts";
import { microBatchTokens } from "./mini-batch.ts";

/** Bytes of a token's activations, or of their gradients, between two stages. */
export function messageBytesPerToken({
  architecture,
  dtype,
}: Pick<PlanBody["model"], "architecture" | "dtype">): number {
  return architecture.hiddenSize * COMPUTE_BYTES[computeDtype(dtype)];
}

/** Bytes of each micro-batch's activations, and of its gradients. */
export function messageBytes({
  microBatches,
  model,
}: Pick<PlanBody, "microBatches"> & {
  readonly model: Pick<PlanBody["model"], "architecture" | "dtype">;
}): readonly number[] {
  const bytesPerToken = messageBytesPerToken(model);
  return microBatches.map((microBatch) => microBatchTokens(microBatch) * bytesPerToken);
}
