import { formatBytes } from "../core/index.ts";
import type { Architecture } from "./documents/architecture.ts";
import type { Buffers, PlannedJob, Stage, StageMemory } from "./documents/plan.ts";
import type { Dtype, Recompute } from "./documents/workload.ts";
import { adapterParameters } from "./operators.ts";
import { arenaLayout, stageLayout } from "./stage-layout.ts";

/** Bytes of one frozen weight element in memory; nf4 with double quantization adds 0.127 bits a parameter (QLoRA, section 3). */
const ELEMENT_BYTES: Readonly<Record<Dtype, number>> = { float32: 4, bfloat16: 2, int8: 1, nf4: 0.5 + 0.127 / 8 };
const FLOAT = 4;

/** Allocations of a device are padded to whole cache lines (native/src/runtime/memory.cc). */
const LINE = 64;

/** Packed frozen weights are padded to panels of input rows and output columns: oneDNN's BA16a64b in fp32 and BA32a64b2a in bfloat16, its choice on AVX-512. */
const PANEL = { inFloat32: 16, inNarrow: 32, out: 64 } as const;

/** What matmuls keep for each thread at any shape: in fp32 oneDNN's 768 bytes and 64 to align them, else what native/src/ops/packed_matrix.cc reserves. */
const MATMUL_SCRATCH = { float32: 832, narrow: 256 * 2 ** 10 } as const;

function padded(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Bytes of one direction of a frozen product that maps `inFeatures` to `outFeatures`. */
export function packedDirectionBytes(inFeatures: number, outFeatures: number, dtype: Dtype): number {
  return Math.ceil(
    padded(inFeatures, dtype === "float32" ? PANEL.inFloat32 : PANEL.inNarrow) *
      padded(outFeatures, PANEL.out) *
      ELEMENT_BYTES[dtype],
  );
}

/** Bytes of a frozen weight packed for both directions. */
export function packedMatrixBytes(inFeatures: number, outFeatures: number, dtype: Dtype): number {
  return packedDirectionBytes(inFeatures, outFeatures, dtype) + packedDirectionBytes(outFeatures, inFeatures, dtype);
}

/** The frozen weights of a stage as a device holds them: all packed for both directions but the product before the embedding, which has no backward. */
export function stageWeightBytes(arch: Architecture, stage: Stage, dtype: Dtype): number {
  const { hiddenSize: hidden, intermediateSize: inner, headDim, numHeads, numKvHeads, vocabularySize } = arch;
  const vector = (length: number): number => padded(length * FLOAT, LINE);
  const qkvColumns = (numHeads + 2 * numKvHeads) * headDim;
  const layer =
    packedMatrixBytes(hidden, qkvColumns, dtype) +
    packedMatrixBytes(numHeads * headDim, hidden, dtype) +
    packedMatrixBytes(hidden, 2 * inner, dtype) +
    packedMatrixBytes(inner, hidden, dtype) +
    2 * vector(hidden) +
    (arch.qkvBias ? vector(qkvColumns) : 0);
  const embedding = stage.embedding
    ? padded(vocabularySize * hidden * Math.max(ELEMENT_BYTES[dtype], 2), LINE) -
      packedDirectionBytes(qkvColumns, hidden, dtype)
    : 0;
  const head = stage.head ? packedMatrixBytes(hidden, vocabularySize, dtype) + vector(hidden) : 0;
  return (stage.endLayer - stage.firstLayer) * layer + embedding + head + vector(headDim / 2);
}

export interface StageMemoryInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly dtype: Dtype;
  readonly recompute: Recompute;
  readonly jobs: readonly PlannedJob[];
  readonly maxTokens: number;
  readonly maxSequence: number;
  readonly threads: number;
  /** The most micro-batches in flight on the stage. */
  readonly inFlight: number;
  readonly buffers: Buffers;
}

/** Peak memory of a stage's device, part by part, from the layouts that the executor uses. */
export function stageMemory(input: StageMemoryInput): StageMemory {
  const { architecture, stage, dtype, jobs, inFlight, buffers } = input;
  const layout = stageLayout(input);
  const arena = arenaLayout(layout, inFlight, buffers);
  const parameterBytes = jobs.reduce(
    (total, job) => total + padded(adapterParameters(architecture, stage, job) * FLOAT, LINE),
    0,
  );
  const parts = {
    weights: stageWeightBytes(architecture, stage, dtype),
    adapters: 2 * parameterBytes,
    optimizer: 2 * parameterBytes,
    activations: inFlight * layout.slotBytes,
    buffers: arena.work - inFlight * layout.slotBytes,
    workspace:
      layout.workBytes + input.threads * (dtype === "float32" ? MATMUL_SCRATCH.float32 : MATMUL_SCRATCH.narrow),
  };
  return {
    ...parts,
    total: parts.weights + parts.adapters + parts.optimizer + parts.activations + parts.buffers + parts.workspace,
  };
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
  const widths = header.map((_, column) => Math.max(...[header, ...body].map((row) => row[column]!.length)));
  return [header, ...body]
    .map((row) =>
      row
        .map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
