// What a CUDA device keeps beside its activations, as native/src/runtime/cuda lays it out.
import { padded, sum } from "../../core/index.ts";
import { COMPUTE_BYTES, computeDtype } from "../actions/compute-dtype.ts";
import { stageLayers } from "../actions/stage-layers.ts";
import { stageSites } from "../actions/stage-sites.ts";
import { isQuantized, quantizedMatrixBytes } from "../costs/quantized-weights.ts";
import type { AdapterSite } from "../documents/adapter-sites.ts";
import { type Architecture, layerAttention } from "../documents/architecture.ts";
import type { Dtype } from "../documents/dtype.ts";
import { projectionShape } from "../documents/projections.ts";
import type { PlannedJob } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import { layersWeightBytes, type Product, ropeVectors, stageProducts } from "./layer-products.ts";

const FLOAT = 4;
const LINE = 64;
/** Rows of A and B start at multiples of this many elements. */
const PADDING = 8;
/** cuBLASLt's workspace, and the region for the tables of tasks. */
const FIXED_BYTES = (32 + 4) * 2 ** 20;
/** The cosines and sines of at least so many positions. */
const ROTATION_ROWS = 512;

/** The frozen weights of a stage: each once, both directions read it. */
export function cudaWeightBytes(arch: Architecture, stage: Stage, dtype: Dtype): number {
  const { hiddenSize: hidden, vocabularySize } = arch;
  const width = COMPUTE_BYTES[computeDtype(dtype)];
  const vector = (length: number): number => padded(length * FLOAT, LINE);
  const matrix = ({ in: inFeatures, out, experts, isWhole }: Product): number =>
    isQuantized(dtype) && !isWhole
      ? experts * quantizedMatrixBytes(inFeatures, out, dtype)
      : padded(experts * inFeatures * out * width, LINE);
  const layers = layersWeightBytes(arch, stage, matrix, vector);
  const table = padded(vocabularySize * hidden * width, LINE);
  return (
    layers +
    (stage.embedding ? table : 0) +
    (stage.head ? table + vector(hidden) : 0) +
    sum(ropeVectors(arch).map(vector))
  );
}

/** By the sites of an adapter on a stage, which are one list for the same question. */
const known = new WeakMap<readonly AdapterSite[], number>();

function paddedParameters(arch: Architecture, sites: readonly AdapterSite[]): number {
  const before = known.get(sites);
  if (before !== undefined) return before;
  const elements = sites.map(({ projection, rank, experts, dora }) => {
    const shape = projectionShape(arch, projection);
    const matrices = experts * (rank * padded(shape.in, PADDING) + shape.out * padded(rank, PADDING));
    return matrices + (dora ? padded(shape.out, PADDING) : 0);
  });
  const parameters = padded(sum(elements), LINE / FLOAT);
  known.set(sites, parameters);
  return parameters;
}

/**
 * An adapter's parameters, gradients and two moments with their padding, the bfloat16 copy that products read, and a
 * line for the sum of squares that an update clips by; frozen only its parameters and their copy.
 */
export function cudaAdapterBytes(
  arch: Architecture,
  stage: Stage,
  { adapter }: Pick<PlannedJob, "adapter">,
  isFrozen = false,
): number {
  const parameters = paddedParameters(arch, stageSites(adapter, arch, stage));
  const vectors = isFrozen ? 1 : 4;
  const bytes = Math.max(LINE, padded(parameters * (vectors * FLOAT + COMPUTE_BYTES.bfloat16), LINE));
  return bytes + (isFrozen ? 0 : LINE);
}

/**
 * Columns of a quantized weight that are dequantized at once: as many as fit so many elements, within bounds
 * (native/src/cuda/dequantize.h).
 */
const DEQUANTIZED = { elements: 32 * 2 ** 20, fewestColumns: 64, mostColumns: 8192 } as const;

/** The columns of a right operand [rows, columns] of a product that are dequantized at once. */
export function dequantizedColumns(rows: number, columns: number): number {
  const { elements, fewestColumns, mostColumns } = DEQUANTIZED;
  const fitting = Math.floor(elements / rows / fewestColumns) * fewestColumns;
  const wanted = Math.min(Math.max(fitting, fewestColumns), mostColumns);
  return Math.min(wanted, padded(columns, fewestColumns));
}

/** Room for the dequantized columns of any of the layers' products, in either direction. */
export function cudaDequantizedBytes(arch: Architecture, stage: Stage, dtype: Dtype): number {
  if (!isQuantized(dtype)) return 0;
  const room = (rows: number, columns: number): number =>
    padded(rows * dequantizedColumns(rows, columns) * COMPUTE_BYTES.bfloat16, LINE);
  // Products of experts read the weights as they are.
  const quantized = stageProducts(arch, stage).filter(({ isWhole, experts }) => !isWhole && experts === 1);
  return Math.max(0, ...quantized.flatMap(({ in: from, out }) => [room(from, out), room(out, from)]));
}

/** The vectors of frequencies that a stage's layers turn rows of up to so many tokens by. */
function turnedBy(arch: Architecture, stage: Stage, maxSequence: number): number {
  const layers = stageLayers(stage).filter(({ halves }) => halves.includes("attention"));
  const ropes = new Set(layers.map(({ layer }) => layerAttention(arch, layer).rope));
  const { ropeScaling: scaling } = arch;
  const isLong = scaling?.type === "longrope" && maxSequence > scaling.originalMaxPositions;
  return (ropes.has("own") ? (isLong ? 2 : 1) : 0) + (ropes.has("window") ? 1 : 0);
}

/**
 * What a device takes whatever it runs, and the rotary tables. A table that n rows outgrow is kept until the end beside
 * one of at least twice its rows: the last is shorter than 2 n, and so are all before it together, by the first's rows.
 */
export function cudaFixedBytes(arch: Architecture, stage: Stage, maxSequence: number): number {
  const rows = maxSequence <= ROTATION_ROWS ? ROTATION_ROWS : 4 * maxSequence - ROTATION_ROWS;
  const turned = (arch.rotaryDim ?? arch.headDim) / 2;
  return FIXED_BYTES + turnedBy(arch, stage, maxSequence) * padded(rows * turned * 2 * FLOAT, LINE);
}
