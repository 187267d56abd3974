import { checkCount, guarded } from "./checks.ts";
import { loadNative } from "./load.ts";
import type { Dtype } from "./tensors.ts";

/** What the scratch of an operator depends on; each operator reads its own part. */
export interface ScratchShape {
  /** T, the largest of any run; T k over places of experts (loraBackward); those with logits (headLogits). */
  readonly rows?: number;
  /** The largest rank of any adapter bound (loraBackward). */
  readonly maxRank?: number;
  /** Projections of the call (loraBackward); on a GPU each of these features and this stride. */
  readonly projections?: number;
  /** On a GPU; of places, those of each expert. */
  readonly segments?: number;
  /** Both of expertMatmul and expertMatmulBackward too. */
  readonly inFeatures?: number;
  readonly outFeatures?: number;
  readonly lds?: number;
  /**
   * Pool threads of the device, the longest sequence and the head's width (attention, attentionBackward); the first and
   * the last of cachedAttention too.
   */
  readonly threads?: number;
  readonly maxSequence?: number;
  readonly headDim?: number;
  /** attentionBackward on a GPU; cachedAttention. */
  readonly heads?: number;
  /** cachedAttention. */
  readonly kvHeads?: number;
  /** headLoss; of it and of headLogits the next two, and lds with adapters on the head. */
  readonly tileRows?: number;
  /** headLoss with rows that adapters have of the head. */
  readonly tokenColumns?: number;
  readonly hidden?: number;
  readonly vocabulary?: number;
  /** The compute dtype; float32 when absent. */
  readonly dtype?: Dtype;
}

/**
 * Bytes that an operator's `scratch` (headLoss, headLogits: `logits`) takes, as the operator itself computes them; a multiple of 4.
 * expertMatmul and its backward, on a CPU: 8 inFeatures and 8 outFeatures bytes, each rounded up to 64.
 * @throws DeviceError when a figure that the operator needs is missing.
 */
export function scratchBytes(
  operator:
    | "attention"
    | "attentionBackward"
    | "cachedAttention"
    | "expertMatmul"
    | "headLogits"
    | "headLoss"
    | "loraBackward"
    | "cudaAttentionBackward"
    | "cudaHeadLoss"
    | "cudaLoraBackward",
  shape: ScratchShape,
): number {
  const { dtype = "float32", ...figures } = shape;
  for (const [name, value] of Object.entries(figures)) checkCount(value as number, `scratchBytes.${name}`);
  return guarded(() => loadNative().scratchBytes(operator, { ...(figures as Record<string, number>), dtype }));
}
