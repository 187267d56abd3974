import { padded } from "../../core/index.ts";
// Scratch of operators as their headers in native/src/ops and native/src/runtime/cuda/scratch.h state it.
import { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "../actions/compute-dtype.ts";
import type { Architecture } from "../documents/architecture.ts";
import { copiesOf, LORA_GROUPS, type Projection, projectionShape, rowsPerToken } from "../documents/projections.ts";
import type { LayoutInput, ShrunkColumns } from "./layout-input.ts";

const FLOAT = 4;
const LINE = 64;

/** `attention` and `attentionBackward` (attention.h), in any dtype; a backward's is the larger. */
export function attentionScratchBytes(
  threads: number,
  maxSequence: number,
  headDim: number,
  backward: boolean,
): number {
  const rows = padded(maxSequence, 2);
  const width = padded(headDim, 16);
  const keys = Math.min(rows, 256);
  const floats = backward ? 4 * rows * width + 64 * (5 * width + 3 * keys) : 2 * rows * width + 64 * (2 * width + keys);
  return threads * padded(floats, 16) * FLOAT;
}

/** The scratch of `cachedAttention` on a CPU (cached_attention.h), in any dtype. */
export function cachedAttentionScratchBytes(threads: number, heads: number, kvHeads: number, headDim: number): number {
  const width = padded(headDim, 16);
  const keys = 256;
  const queries = Math.max(64, Math.floor(heads / kvHeads));
  return threads * (2 * queries * width + queries * keys + 2 * keys * width) * FLOAT;
}

/** Where `headLogits` puts what it gives (head_logits.h): bytes of all its parts, and where the sums' logs begin. */
export function headLogitsPlaces(
  mostRows: number,
  hidden: number,
  vocabulary: number,
  dtype: ComputeDtype,
  lds = 0,
): { readonly bytes: number; readonly logSums: number } {
  const rows = Math.max(2, mostRows);
  const logSums = padded(rows * vocabulary * FLOAT, LINE);
  const parts = [rows * FLOAT, rows * hidden * COMPUTE_BYTES[dtype], rows * lds * COMPUTE_BYTES[dtype]];
  return { bytes: parts.reduce((sum, bytes) => sum + padded(bytes, LINE), logSums), logSums };
}

/** The scratch of `loraBackward` on a CPU (lora.h). */
export function loraScratchBytes(rows: number, maxRank: number, projections: number, dtype: ComputeDtype): number {
  return rows * projections * padded(maxRank, 16) * COMPUTE_BYTES[dtype];
}

/** The scratch of `expertMatmul` and its backward on a CPU (expert_matmul.h), of either product of experts. */
export function expertScratchBytes({ hiddenSize, experts }: Architecture): number {
  const outs = experts === undefined ? 0 : 2 * experts.intermediateSize;
  return padded(8 * hiddenSize, LINE) + padded(8 * outs, LINE);
}

/** The scratch of `headLoss` on a CPU (head_loss.h). */
export function headScratchBytes(
  tileRows: number,
  hidden: number,
  vocabulary: number,
  dtype: ComputeDtype,
  lds = 0,
  tokenColumns = 0,
): number {
  const adapters = [tileRows * lds * COMPUTE_BYTES[dtype], loraScratchBytes(tileRows, lds, 1, dtype), tileRows * 4];
  const parts = [
    ...(lds > 0 ? adapters : []),
    tileRows * vocabulary * FLOAT,
    tileRows * hidden * COMPUTE_BYTES[dtype],
    tileRows * hidden * FLOAT,
    tileRows * 8,
    tileRows * 4,
    tileRows * 4,
    tileRows * tokenColumns * FLOAT,
  ];
  return parts.reduce((sum, bytes) => sum + padded(bytes, LINE), 0);
}

/** Rows of a part of a gradient's sum on a GPU. */
const CUDA_PART_ROWS = 512;

/** `attentionBackward` on a GPU; its forward needs none. */
export function cudaAttentionScratchBytes(rows: number, heads: number): number {
  return rows * heads * FLOAT;
}

/** The scratch of `loraBackward` on a GPU. */
export function cudaLoraScratchBytes(
  rows: number,
  segments: number,
  maxRank: number,
  inFeatures: number,
  projections: readonly { readonly outFeatures: number; readonly lds: number }[],
  dtype: ComputeDtype,
): number {
  let bytes = 0;
  let part = 0;
  for (const { outFeatures, lds } of projections) {
    bytes += padded(rows * lds * COMPUTE_BYTES[dtype], LINE);
    part += maxRank * padded(inFeatures, 8) + outFeatures * padded(maxRank, 8);
  }
  return bytes + (Math.floor(rows / CUDA_PART_ROWS) + segments) * part * FLOAT;
}

/** The scratch of `headLoss` on a GPU. */
export function cudaHeadScratchBytes(
  tileRows: number,
  hidden: number,
  vocabulary: number,
  dtype: ComputeDtype,
  lds = 0,
  tokenColumns = 0,
): number {
  const elements = tileRows * padded(vocabulary, 8);
  const shrunk = tileRows * lds * COMPUTE_BYTES[dtype];
  const parts = [
    elements * FLOAT,
    dtype === "bfloat16" ? elements * COMPUTE_BYTES[dtype] : 0,
    tileRows * hidden * COMPUTE_BYTES[dtype],
    tileRows * hidden * FLOAT,
    ...[shrunk, shrunk],
    tileRows * tokenColumns * FLOAT,
  ];
  return parts.reduce((sum, bytes) => sum + padded(bytes, LINE), 0);
}

interface Scratch {
  readonly attention: number;
  readonly attentionBackward: number;
  readonly head: (tileRows: number) => number;
  /** Of runs with a cache, of which so many rows may want their logits; none where undefined. */
  readonly logits: (mostRows: number | undefined) => number;
  readonly lora: number;
}

/** The largest of A and B. */
function largestOf({ embed_tokens: _, ...columns }: ShrunkColumns): number {
  return Math.max(0, ...Object.values(columns));
}

/** Columns of what adapters on the head have shrunk, and of rows that they have of it where it is tied. */
function headColumns({ tiedEmbeddings }: Architecture, columns: ShrunkColumns): readonly [number, number] {
  return [columns.lm_head ?? 0, tiedEmbeddings ? (columns.embed_tokens ?? 0) : 0];
}

/** Projections with adapters, by the LoRA operators that they are in. */
function targetedGroups(columns: ShrunkColumns): readonly (readonly Projection[])[] {
  const groups = LORA_GROUPS.map((group) => group.filter((projection) => columns[projection] !== undefined));
  return groups.filter((group) => group.length > 0);
}

function logitsBytesOf(arch: Architecture, dtype: ComputeDtype, columns: ShrunkColumns): Scratch["logits"] {
  const { hiddenSize, vocabularySize } = arch;
  return (mostRows) =>
    mostRows === undefined ? 0 : headLogitsPlaces(mostRows, hiddenSize, vocabularySize, dtype, columns.lm_head).bytes;
}

function cudaScratch(input: LayoutInput, columns: ShrunkColumns): Scratch {
  const { architecture: arch } = input;
  const { maxTokens: rows, maxJobs, ranks } = input.room;
  const dtype = computeDtype(input.dtype);
  const maxRank = largestOf(ranks);
  const groupBytes = targetedGroups(columns).map((group) => {
    const projections = group.map((projection) => ({
      outFeatures: projectionShape(arch, projection).out,
      lds: columns[projection]!,
    }));
    const { in: inFeatures } = projectionShape(arch, group[0]!);
    const segments = maxJobs * copiesOf(arch, group[0]!);
    return cudaLoraScratchBytes(
      rows * rowsPerToken(arch, group[0]!),
      segments,
      maxRank,
      inFeatures,
      projections,
      dtype,
    );
  });
  return {
    attention: 0,
    attentionBackward: cudaAttentionScratchBytes(rows, arch.numHeads),
    head: (tileRows) =>
      cudaHeadScratchBytes(tileRows, arch.hiddenSize, arch.vocabularySize, dtype, ...headColumns(arch, columns)),
    logits: logitsBytesOf(arch, dtype, columns),
    lora: Math.max(0, ...groupBytes),
  };
}

/** What a stage's operators need on its device. */
export function scratchOf(input: LayoutInput, columns: ShrunkColumns): Scratch {
  if (input.kind === "cuda") return cudaScratch(input, columns);
  const { architecture: arch, threads } = input;
  const { maxTokens: rows, maxSequence } = input.room;
  const dtype = computeDtype(input.dtype);
  const maxRank = largestOf(columns);
  const loras = targetedGroups(columns).map((group) =>
    loraScratchBytes(rows * rowsPerToken(arch, group[0]!), maxRank, group.length, dtype),
  );
  return {
    attention:
      input.generation === undefined
        ? attentionScratchBytes(threads, maxSequence, arch.headDim, false)
        : cachedAttentionScratchBytes(threads, arch.numHeads, arch.numKvHeads, arch.headDim),
    attentionBackward: attentionScratchBytes(threads, maxSequence, arch.headDim, true),
    head: (tileRows) =>
      headScratchBytes(tileRows, arch.hiddenSize, arch.vocabularySize, dtype, ...headColumns(arch, columns)),
    logits: logitsBytesOf(arch, dtype, columns),
    lora: Math.max(0, ...loras),
  };
}
