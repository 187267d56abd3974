import type { ModelShape } from "../workload.ts";
import type { CountedStep } from "./counted-step.ts";

const RANK = 16;

/** A model, its micro-batch of four jobs' rows of one length. */
function step(model: ModelShape, rowsOfJobs: readonly number[], length: number): CountedStep {
  return { model, rank: RANK, rowsOfJobs, length };
}

/** What the tables are of: a step of all layers, in one micro-batch, nothing recomputed, the head tied. */
export const SHAPES = {
  "Llama-3.2-1B": step(
    { hidden: 2048, layers: 16, heads: 32, kvHeads: 8, intermediate: 8192, vocabulary: 128256 },
    [4, 4, 4, 4],
    512,
  ),
  "Llama-2-7B": step(
    { hidden: 4096, layers: 32, heads: 32, kvHeads: 32, intermediate: 11008, vocabulary: 32000 },
    [4, 4, 4, 4],
    512,
  ),
  "Llama-3-8B": step(
    { hidden: 4096, layers: 32, heads: 32, kvHeads: 8, intermediate: 14336, vocabulary: 128256 },
    [2, 2, 2, 2],
    2048,
  ),
} as const;
export type ShapeName = keyof typeof SHAPES;

/** What is emulated: to fit the terms of loops.ts, and once more to see whether they hold. */
export interface Emulated {
  readonly fitted: readonly CountedStep[];
  readonly heldOut: CountedStep;
}

/**
 * Small widths for all kernels but those of heads. As in the shapes, a warp of an element-wise kernel has one row (widths
 * are multiples of 256), tiles are whole (64 or 128 tokens a row; 128 columns of keys at least), there are no fewer
 * intermediate than hidden features and no fewer words than tokens. An adapter with more than 512 tokens has a gradient
 * in parts, and 1088 tokens have two tiles of logits.
 */
export function widthSizes({ model: { heads, kvHeads } }: CountedStep): Emulated {
  const headDim = 128;
  const of = (
    layers: number,
    [hidden, intermediate, vocabulary]: readonly [number, number, number],
    rowsOfJobs: readonly number[],
    length: number,
  ): CountedStep => {
    const own = hidden / headDim;
    return step(
      { hidden, layers, heads: own, kvHeads: (own * kvHeads) / heads, intermediate, vocabulary },
      rowsOfJobs,
      length,
    );
  };
  const widths = [
    [512, 512, 1280],
    [512, 1024, 1280],
    [1024, 1024, 1280],
  ] as const;
  return {
    fitted: [
      ...widths.flatMap((each) => [of(2, each, [1, 1, 1, 1], 64), of(1, each, [9, 1, 1, 1], 64)]),
      of(2, [512, 512, 1536], [1, 1, 1, 1], 128),
      of(1, [512, 1024, 1536], [1, 1, 1, 1], 128),
      of(1, [1024, 1024, 1536], [1, 1, 1, 1], 128),
      of(1, [512, 512, 1024], [1, 1, 1, 1], 64),
      of(1, [512, 512, 1280], [14, 1, 1, 1], 64),
    ],
    heldOut: of(2, [1024, 1536, 1024], [2, 1, 1, 1], 64),
  };
}

/** All heads of the shape, few other features, few rows. */
export function headSizes({ model: { hidden, heads, kvHeads } }: CountedStep): Emulated {
  const narrow = {
    hidden: 256,
    layers: 1,
    heads,
    kvHeads,
    headDim: hidden / heads,
    intermediate: 256,
    vocabulary: 256,
  };
  return {
    fitted: [
      step(narrow, [1], 64),
      step(narrow, [2], 64),
      step(narrow, [1], 128),
      step({ ...narrow, layers: 2 }, [1], 128),
    ],
    heldOut: step({ ...narrow, layers: 2 }, [1], 192),
  };
}
