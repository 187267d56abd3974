import { formatBytes, padded, sum, textTable } from "../../core/index.ts";
import { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import { trainsEmbedding } from "../actions/pipelines.ts";
import { adapterParameters, numMagnitudes } from "../costs/adapter-parameters.ts";
import { isQuantized, quantizedMatrixBytes, quantizedScratchBytes } from "../costs/quantized-weights.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import { comparesWithStart } from "../documents/loss.ts";
import type { PlannedJob } from "../documents/segment.ts";
import type { Buffers, Room, Stage, StageMemory } from "../documents/setting.ts";
import { cudaAdapterBytes, cudaDequantizedBytes, cudaFixedBytes, cudaWeightBytes } from "./cuda-memory.ts";
import { halfProducts, layersWeightBytes, type Product, ropeVectors, stageProducts } from "./layer-products.ts";
import { EXECUTOR, type ProgramMemory, reservedMemory } from "./program-memory.ts";
import { executorLayout } from "./sampling-layout.ts";
import { arenaLayout } from "./stage-layout.ts";

const FLOAT = 4;

/** Allocations of a device are padded to whole cache lines (native/src/runtime/memory.cc). */
const LINE = 64;

/**
 * Packed frozen weights are padded to panels of input rows and output columns: oneDNN's BA16a64b in fp32 and BA32a64b2a
 * in bfloat16, its choice on AVX-512.
 */
const PANEL = { inFloat32: 16, inNarrow: 32, out: 64 } as const;

/** What matmuls keep for each thread at any shape: what native/src/ops/packed_matrix.cc reserves. */
const MATMUL_SCRATCH = { float32: 832, narrow: 256 * 2 ** 10 } as const;

/**
 * Bytes of one direction of a frozen product that maps `inFeatures` to `outFeatures`, in the type that it multiplies.
 */
export function packedDirectionBytes(inFeatures: number, outFeatures: number, dtype: ComputeDtype): number {
  const rows = padded(inFeatures, dtype === "float32" ? PANEL.inFloat32 : PANEL.inNarrow);
  return rows * padded(outFeatures, PANEL.out) * COMPUTE_BYTES[dtype];
}

/** Bytes of a frozen weight for both directions: packed for each, or quantized once. */
export function packedMatrixBytes(inFeatures: number, outFeatures: number, dtype: Dtype): number {
  if (isQuantized(dtype)) return quantizedMatrixBytes(inFeatures, outFeatures, dtype);
  const compute = computeDtype(dtype);
  return (
    packedDirectionBytes(inFeatures, outFeatures, compute) + packedDirectionBytes(outFeatures, inFeatures, compute)
  );
}

/**
 * The frozen weights of a stage as a device holds them: packed for both directions but the product behind the
 * embedding, which has no backward unless rows of that are trained; embedding and head are never quantized.
 */
export function stageWeightBytes(arch: Architecture, stage: Stage, dtype: Dtype, trainsEmbedding = false): number {
  const { hiddenSize: hidden, vocabularySize } = arch;
  const compute = computeDtype(dtype);
  const vector = (length: number): number => padded(length * FLOAT, LINE);
  const { out: qkvColumns } = halfProducts(arch, "attention", 0)[0]!;
  const matrix = ({ in: inFeatures, out, experts, isWhole }: Product): number =>
    experts * packedMatrixBytes(inFeatures, out, isWhole ? compute : dtype);
  const layers = layersWeightBytes(arch, stage, matrix, vector);
  const embedding = stage.embedding
    ? padded(vocabularySize * hidden * COMPUTE_BYTES[compute], LINE) -
      (isQuantized(dtype) || trainsEmbedding ? 0 : packedDirectionBytes(qkvColumns, hidden, compute))
    : 0;
  const head = stage.head ? packedMatrixBytes(hidden, vocabularySize, compute) + vector(hidden) : 0;
  return layers + embedding + head + sum(ropeVectors(arch).map(vector));
}

/** What the products of a stage keep for each of its threads. */
function matmulScratchBytes(arch: Architecture, stage: Stage, dtype: Dtype): number {
  if (dtype === "float32") return MATMUL_SCRATCH.float32;
  const rooms = isQuantized(dtype)
    ? stageProducts(arch, stage)
        .filter(({ isWhole }) => !isWhole)
        .flatMap(({ in: from, out }) => [quantizedScratchBytes(from, out), quantizedScratchBytes(out, from)])
    : [];
  return MATMUL_SCRATCH.narrow + Math.max(0, ...rooms);
}

export interface StageMemoryInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly dtype: Dtype;
  readonly edges: EdgeDtypes;
  /** Of the stage's pipeline: what its layout is made for. */
  readonly room: Room;
  /** The jobs whose adapters it holds where these take the most (`mostResident`). */
  readonly residents: readonly PlannedJob[];
  readonly kind: ResolvedDevice["kind"];
  readonly threads: number;
  /** The peak of the stage's `stashPlacement`. */
  readonly stashUnits: number;
  readonly buffers: Buffers;
  /** The executor where absent. */
  readonly program?: ProgramMemory;
}

/** What a device holds whatever is in flight. */
export interface Held {
  readonly weights: number;
  readonly adapters: number;
  readonly optimizer: number;
  /** Workspace beside that of the activations. */
  readonly other: number;
}

export interface HeldInput extends Pick<StageMemoryInput, "architecture" | "stage" | "dtype" | "kind" | "threads"> {
  readonly maxSequence: number;
  readonly jobs: readonly Pick<PlannedJob, "adapter" | "loss">[];
  /** Whether adapters of its pipeline may have rows of the embedding; false where absent. */
  readonly trainsEmbedding?: boolean;
}

/** Bytes of one of an adapter's four vectors on a CPU device, which together take a line at least. */
function vectorBytes(architecture: Architecture, stage: Stage, job: Pick<PlannedJob, "adapter">): number {
  return Math.max(LINE / 4, padded(adapterParameters(architecture, stage, job) * FLOAT, LINE));
}

/**
 * Bytes of an adapter on a stage's device: parameters, gradients, moments, what products read, and the norms that its
 * magnitudes are for; and where answers are compared with its start, that beside it.
 */
export function adapterBytes(
  { architecture, stage, kind }: Pick<HeldInput, "architecture" | "stage" | "kind">,
  job: Pick<PlannedJob, "adapter" | "loss">,
): number {
  const norms = padded(numMagnitudes(architecture, stage, job) * FLOAT, LINE);
  const own = kind === "cuda" ? cudaAdapterBytes(architecture, stage, job) : 4 * vectorBytes(architecture, stage, job);
  if (!comparesWithStart(job.loss)) return own + norms;
  const frozen =
    kind === "cuda" ? cudaAdapterBytes(architecture, stage, job, true) : vectorBytes(architecture, stage, job);
  return own + Math.max(LINE, frozen) + 2 * norms;
}

function heldByCpu({ architecture, stage, dtype, jobs, threads, kind, trainsEmbedding }: HeldInput): Held {
  const parameterBytes = sum(jobs.map((job) => vectorBytes(architecture, stage, job)));
  const bytes = sum(jobs.map((job) => adapterBytes({ architecture, stage, kind }, job)));
  return {
    weights: stageWeightBytes(architecture, stage, dtype, trainsEmbedding),
    adapters: bytes - 2 * parameterBytes,
    optimizer: 2 * parameterBytes,
    other: threads * matmulScratchBytes(architecture, stage, dtype),
  };
}

function heldByGpu({ architecture, stage, dtype, jobs, maxSequence, kind }: HeldInput): Held {
  const bytes = jobs.reduce((total, job) => total + adapterBytes({ architecture, stage, kind }, job), 0);
  // Of 18 bytes a parameter the two moments are 8; what else an adapter has is next to nothing.
  const optimizer = Math.floor((bytes * 8) / 18);
  return {
    weights: cudaWeightBytes(architecture, stage, dtype),
    adapters: bytes - optimizer,
    optimizer,
    other: cudaFixedBytes(architecture, stage, maxSequence) + cudaDequantizedBytes(architecture, stage, dtype),
  };
}

/** Frozen weights, adapters with gradients and moments, and what operators keep for themselves. */
export function heldBytes(input: HeldInput): Held {
  return input.kind === "cuda" ? heldByGpu(input) : heldByCpu(input);
}

/** Peak memory of a stage's device, part by part, from the layouts that the executor uses. */
export function stageMemory(input: StageMemoryInput): StageMemory {
  const { stashUnits, buffers, residents, program = EXECUTOR } = input;
  const layout = executorLayout({ ...input, ...(program.eager === undefined ? {} : { eager: program.eager }) });
  const arena = arenaLayout(layout, stashUnits, buffers);
  const { other, ...held } = heldBytes({
    ...input,
    maxSequence: input.room.maxSequence,
    jobs: residents,
    trainsEmbedding: trainsEmbedding(input.room),
  });
  const parts = {
    ...held,
    activations: stashUnits * layout.unitBytes,
    buffers: arena.work - stashUnits * layout.unitBytes,
    workspace: layout.workBytes + other,
  };
  return reservedMemory(parts, program);
}

const COLUMNS = ["weights", "adapters", "optimizer", "activations", "buffers", "workspace", "total"] as const;

/** The per-device table of a memory check; `capacity` null is a device without a limit. */
export function memoryTable(
  rows: readonly { readonly device: string; readonly memory: StageMemory; readonly capacity: number | null }[],
): string {
  const header = ["device", ...COLUMNS, "capacity", ""];
  const body = rows.map(({ device, memory, capacity }) => [
    device,
    ...COLUMNS.map((column) => formatBytes(memory[column])),
    capacity === null ? "-" : formatBytes(capacity),
    capacity !== null && memory.total > capacity ? `${formatBytes(memory.total - capacity)} too much` : "fits",
  ]);
  return textTable([header, ...body]).join("\n");
}
