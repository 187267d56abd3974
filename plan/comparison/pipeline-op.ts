/**
 * Work of a pipeline whose stages may be cut finer than devices: a chunk is a range of layers, and a device may own several.
 * `B` is both gradients at once, `I` and `W` the two apart (PyTorch's letters), `U` the update of a mini-batch.
 */
export interface PipelineOp {
  readonly chunk: number;
  readonly letter: "F" | "B" | "I" | "W" | "U";
  readonly microBatch: number;
}

/** The ops of each device, in order. */
export type PipelineOrders = readonly (readonly PipelineOp[])[];
