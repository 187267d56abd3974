import { halfOf, type Projection } from "../plan/index.ts";

/** Where the weights of a layer's projection lie in a checkpoint. */
export function projectionPath(layer: number, projection: Projection): string {
  const blocks = { attention: "self_attn", mlp: "mlp" } as const;
  return `model.layers.${layer}.${blocks[halfOf(projection)]}.${projection}`;
}
