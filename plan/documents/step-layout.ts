import { z } from "zod";

const count = z.int().positive();

/** How accelerators share a training step: the model is split in three ways, rows go over what is left. */
export const stepLayoutSchema = z.strictObject({
  /** Inside each layer. */
  tensorParallel: count,
  /** Rows over tokens, and what is exchanged for attention: rows for heads, or keys and values around a ring. */
  contextParallel: count,
  contextExchange: z.enum(["all-to-all", "ring"]),
  /** Stages of as many layers each. */
  pipelineParallel: count,
  /** Copies of all that, each with some of the rows. */
  dataParallel: count,
  /** What accelerators with the same layers do not each have whole: the optimizer's state (ZeRO-1), or weights too (ZeRO-3). */
  sharded: z.enum(["state", "weights"]),
  /** Layers whose activations the backward computes again. */
  recomputedLayers: z.int().min(0),
  /** The most tokens of a micro-batch. */
  microTokens: count,
});
export type StepLayout = z.infer<typeof stepLayoutSchema>;
