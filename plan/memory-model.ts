import { formatBytes } from "../core/index.ts";
import { type Architecture, projectionShape } from "./documents/architecture.ts";
import type { Buffers, PlannedJob, Stage, StageMemory } from "./documents/plan.ts";
import type { Dtype } from "./documents/workload.ts";
import { adapterParameters } from "./operators.ts";
import { arenaLayout, stageLayout } from "./stage-layout.ts";

/** Bytes of one frozen weight element in memory; nf4 with double quantization adds 0.127 bits a parameter (QLoRA, section 3). */
const ELEMENT_BYTES: Readonly<Record<Dtype, number>> = { float32: 4, bfloat16: 2, int8: 1, nf4: 0.5 + 0.127 / 8 };
const FLOAT = 4;

/** Packed frozen weights are padded to whole panels of this many output columns (oneDNN's blocked layout). */
const PANEL = 64;

/** Bytes of one packed direction of a [out, in] weight. */
export function packedDirectionBytes(inFeatures: number, outFeatures: number, dtype: Dtype): number {
  return Math.ceil(inFeatures * Math.ceil(outFeatures / PANEL) * PANEL * ELEMENT_BYTES[dtype]);
}

/** Bytes of a frozen weight packed for both directions. */
export function packedMatrixBytes(inFeatures: number, outFeatures: number, dtype: Dtype): number {
  return packedDirectionBytes(inFeatures, outFeatures, dtype) + packedDirectionBytes(outFeatures, inFeatures, dtype);
}

/** The frozen weights of a stage as a device holds them. */
export function stageWeightBytes(arch: Architecture, stage: Stage, dtype: Dtype): number {
  const { hiddenSize: hidden, intermediateSize: inner, headDim, numHeads, numKvHeads, vocabularySize } = arch;
  const qkvColumns = (numHeads + 2 * numKvHeads) * headDim;
  const down = projectionShape(arch, "down_proj");
  const output = projectionShape(arch, "o_proj");
  const layer =
    packedMatrixBytes(hidden, qkvColumns, dtype) +
    packedMatrixBytes(output.in, output.out, dtype) +
    packedMatrixBytes(hidden, 2 * inner, dtype) +
    packedMatrixBytes(down.in, down.out, dtype) +
    2 * hidden * FLOAT +
    (arch.qkvBias ? qkvColumns * FLOAT : 0);
  const embedding = stage.embedding ? vocabularySize * hidden * Math.max(ELEMENT_BYTES[dtype], 2) : 0;
  const head = stage.head ? packedMatrixBytes(hidden, vocabularySize, dtype) + hidden * FLOAT : 0;
  const rotary = (headDim / 2) * FLOAT;
  return (stage.endLayer - stage.firstLayer) * layer + embedding + head + rotary;
}

export interface StageMemoryInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly dtype: Dtype;
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
  const parameters = jobs.reduce((total, job) => total + adapterParameters(architecture, stage, job), 0);
  const parts = {
    weights: stageWeightBytes(architecture, stage, dtype),
    adapters: 2 * FLOAT * parameters,
    optimizer: 2 * FLOAT * parameters,
    activations: inFlight * layout.slotBytes,
    buffers: arena.work - inFlight * layout.slotBytes,
    workspace: layout.workBytes,
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
