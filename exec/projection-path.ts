import { type Architecture, halfOf, type Projection } from "../plan/index.ts";

/** Where the weights of a layer's projection lie in a checkpoint. */
export function projectionPath({ layerNames }: Architecture, layer: number, projection: Projection): string {
  const blocks = { attention: "self_attn", mlp: layerNames?.mlp ?? "mlp" };
  return `model.layers.${layer}.${blocks[halfOf(projection)]}.${projection}`;
}
