import { sum } from "../../core/index.ts";
import { COMPUTE_BYTES, type ComputeDtype } from "../actions/compute-dtype.ts";
import { stageLayers } from "../actions/stage-layers.ts";
import type { Half } from "../documents/projections.ts";
import type { StageMemory } from "../documents/setting.ts";
import { decoderDimensions } from "../kernels/layer-cost.ts";
import type { LayoutInput } from "./layout-input.ts";

/** What a program takes of a device beside, or in place of, what the executor's layouts say. */
export interface ProgramMemory {
  /** Of a process, its context and its libraries. */
  readonly contextBytes: number;
  /** Reserved over allocated memory of activations, buffers and workspace. */
  readonly allocatorFactor: number;
  /**
   * The type in which an eager program computes (PyTorch without fused attention or loss): it keeps every feature that
   * a pass over a layer writes, attention's scores before and after their softmax, and in the head whole logits with
   * their gradient. Absent: what the executor's layout keeps.
   */
  readonly eager?: ComputeDtype;
}

/** The executor: its arena is all that it allocates. */
export const EXECUTOR: ProgramMemory = { contextBytes: 0, allocatorFactor: 1 };

type Parts = Omit<StageMemory, "total">;

/** The parts as a program reserves them, in whole bytes, and their sum. */
export function reservedMemory(parts: Parts, { contextBytes, allocatorFactor }: ProgramMemory): StageMemory {
  const reserved = {
    weights: Math.ceil(parts.weights),
    adapters: Math.ceil(parts.adapters),
    optimizer: Math.ceil(parts.optimizer),
    activations: Math.ceil(allocatorFactor * parts.activations),
    buffers: Math.ceil(allocatorFactor * parts.buffers),
    workspace: Math.ceil(allocatorFactor * parts.workspace + contextBytes),
  };
  return { ...reserved, total: sum(Object.values(reserved)) };
}

type EagerInput = LayoutInput & { readonly eager: ComputeDtype };

/** What an eager program keeps of one layer, or half of it, for rows that are as long as the longest. */
function keptByLayer({ architecture, eager, room }: EagerInput, rows: number, half?: Half): number {
  const { activationFeatures, heads } = decoderDimensions(architecture, half);
  return COMPUTE_BYTES[eager] * rows * (activationFeatures + 2 * heads * room.maxSequence);
}

/**
 * Bytes that so many rows leave in the layers of a stage between forward and backward, in whole lines each; a
 * recomputed layer leaves its input.
 */
export function eagerLayersBytes(input: EagerInput, rows: number, align: (bytes: number) => number): number {
  const { architecture, eager, stage } = input;
  const layers = stageLayers(stage).map(({ halves, isRecomputed }) =>
    align(
      isRecomputed
        ? COMPUTE_BYTES[eager] * rows * architecture.hiddenSize
        : keptByLayer(input, rows, halves.length === 2 ? undefined : halves[0]),
    ),
  );
  return sum(layers);
}

const FLOAT = 4;

/** Logits and their gradient in fp32, or the one layer that is computed again. */
export function eagerWorkBytes(input: EagerInput): number {
  const { architecture, stage } = input;
  const { maxTokens } = input.room;
  const head = stage.head ? 2 * FLOAT * maxTokens * architecture.vocabularySize : 0;
  return Math.max(head, stage.recomputedLayers > 0 ? keptByLayer(input, maxTokens) : 0);
}
