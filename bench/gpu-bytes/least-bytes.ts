import type { CountedStep } from "./counted-step.ts";
import { extentOf } from "./loops.ts";

const BF16 = 2;
const FLOAT = 4;

export interface Moved {
  readonly read: number;
  readonly written: number;
}

/** Times as many bytes as one of it moves. */
function times(count: number, { read, written }: Moved): Moved {
  return { read: count * read, written: count * written };
}

/**
 * The bytes of a step that each kernel has to move when it reads each input once and writes each output once, sums in
 * parts and scratch not counted; the kernels of attention's backward are one. In bfloat16 but for the residual stream,
 * its gradients, statistics of rows, and what an optimizer keeps. Beside tables of rows and tiles, this is all.
 */
export function leastBytes(step: CountedStep): Readonly<Record<string, Moved>> {
  const { model, rank, rowsOfJobs } = step;
  const { hidden, layers, heads, kvHeads, intermediate, vocabulary, headDim = hidden / heads } = model;
  const { tokens, scored, length } = extentOf(step);
  const [queries, keys] = [heads * headDim, kvHeads * headDim];
  const projected = queries + 2 * keys;
  const inputs = 2 * hidden + queries + intermediate;
  const outputs = projected + hidden + 2 * intermediate + hidden;
  // Elements of all adapters' A and of all their B in a layer, and of the seven s of a layer.
  const a = rowsOfJobs.length * rank * (5 * hidden + queries + intermediate);
  const b = rowsOfJobs.length * rank * outputs;
  const s = 7 * tokens * rank;
  const parameters = layers * (a + b);
  // What each layer but the first has: the gradient of q's, k's and v's input.
  const inner = layers - 1;
  const aOfQkv = rowsOfJobs.length * rank * 3 * hidden;
  const sOfQkv = 3 * tokens * rank;
  const stream = tokens * hidden * FLOAT;
  const gradientsOfInputs = stream + tokens * BF16 * (queries + intermediate);
  const statistics = tokens * heads * FLOAT;
  const norm = { read: stream + hidden * FLOAT, written: tokens * hidden * BF16 + tokens * FLOAT };
  return {
    embed: { read: tokens * (hidden * BF16 + 4), written: stream },
    // Two of a layer's are computed again in the backward, and its swiglu.
    rmsnorm: times(4 * layers + 1, norm),
    lora_xa: times(layers, { read: BF16 * (tokens * inputs + a), written: BF16 * s }),
    lora_sb: addedTo(layers * BF16 * (s + b), layers * (tokens * BF16 * (projected + 2 * intermediate) + 2 * stream)),
    rope: times(2 * layers, {
      read: tokens * ((queries + keys) * BF16 + 4) + length * headDim * FLOAT,
      written: tokens * (queries + keys) * BF16,
    }),
    attention: times(layers, { read: tokens * projected * BF16, written: tokens * queries * BF16 + statistics }),
    swiglu: times(2 * layers, { read: 2 * tokens * intermediate * BF16, written: tokens * intermediate * BF16 }),
    gather_rows: { read: scored * (hidden * BF16 + 4), written: scored * hidden * BF16 },
    cross_entropy_tile: { read: scored * (vocabulary * FLOAT + 4), written: scored * 3 * FLOAT },
    cross_entropy_losses: { read: scored * (3 * FLOAT + 4), written: rowsOfJobs.length * 8 },
    // Of a row's state the target's logit is for the losses alone.
    cross_entropy_gradient: {
      read: scored * (vocabulary * FLOAT + 4 * FLOAT),
      written: scored * vocabulary * BF16,
    },
    scatter_rows: { read: scored * hidden * FLOAT + tokens * 4, written: stream },
    // The final norm's has no residual.
    rmsnorm_backward: {
      read: 2 * layers * (2 * stream + tokens * FLOAT + hidden * FLOAT) + (2 * layers - 1) * stream,
      written: 2 * layers * (stream + tokens * hidden * BF16),
    },
    lora_dyb: times(layers, { read: BF16 * (tokens * outputs + b), written: BF16 * s }),
    lora_dsa: addedTo(
      BF16 * (inner * (s + a) + s - sOfQkv + a - aOfQkv),
      inner * (gradientsOfInputs + stream) + gradientsOfInputs,
    ),
    lora_dsx_dys: addedTo(layers * BF16 * (tokens * (inputs + outputs) + 2 * s), parameters * FLOAT),
    swiglu_backward: times(layers, {
      read: 3 * tokens * intermediate * BF16,
      written: 2 * tokens * intermediate * BF16,
    }),
    attention_backward: times(layers, {
      read: tokens * BF16 * (projected + 2 * queries) + statistics,
      written: tokens * projected * BF16,
    }),
    sum_squares: { read: parameters * FLOAT, written: rowsOfJobs.length * 8 },
    adamw: { read: parameters * 4 * FLOAT, written: parameters * (4 * FLOAT + BF16) },
  };
}

/** `read` bytes, and others that are read and written back. */
function addedTo(read: number, changed: number): Moved {
  return { read: read + changed, written: changed };
}
