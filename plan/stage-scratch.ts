import { type ComputeDtype, computeDtype } from "./compute-dtype.ts";
import { type Architecture, LORA_GROUPS, type Projection, projectionShape } from "./documents/architecture.ts";
import type { ResolvedDevice } from "./documents/cluster.ts";
import type { PlannedJob } from "./documents/plan.ts";
import type { Dtype } from "./documents/workload.ts";
import {
  attentionScratchBytes,
  cudaAttentionScratchBytes,
  cudaHeadScratchBytes,
  cudaLoraScratchBytes,
  headScratchBytes,
  loraScratchBytes,
} from "./scratch-bytes.ts";

/** What the scratch of a stage's operators follows from. */
interface ScratchInput {
  readonly architecture: Architecture;
  readonly jobs: readonly Pick<PlannedJob, "adapter">[];
  readonly dtype: Dtype;
  readonly maxTokens: number;
  readonly maxSequence: number;
  readonly kind: ResolvedDevice["kind"];
  readonly threads: number;
}

/** Columns of the small LoRA products, by targeted projection. */
type ShrunkColumns = Readonly<Partial<Record<Projection, number>>>;

interface Scratch {
  readonly attention: number;
  readonly attentionBackward: number;
  readonly head: (tileRows: number) => number;
  readonly lora: number;
}

function cudaScratch(input: ScratchInput, columns: ShrunkColumns): Scratch {
  const { architecture: arch, jobs, maxTokens: rows } = input;
  const dtype: ComputeDtype = computeDtype(input.dtype);
  const maxRank = Math.max(0, ...jobs.map(({ adapter }) => adapter.rank));
  const groupBytes = LORA_GROUPS.map((group: readonly Projection[]) => {
    const targeted = group.filter((projection) => columns[projection] !== undefined);
    const projections = targeted.map((projection) => ({
      outFeatures: projectionShape(arch, projection).out,
      lds: columns[projection]!,
    }));
    return cudaLoraScratchBytes(rows, jobs.length, maxRank, projectionShape(arch, group[0]!).in, projections, dtype);
  });
  return {
    attention: 0,
    attentionBackward: cudaAttentionScratchBytes(rows, arch.numHeads),
    head: (tileRows) => cudaHeadScratchBytes(tileRows, arch.vocabularySize, dtype),
    lora: Math.max(...groupBytes),
  };
}

/** What a stage's operators need on its device. */
export function scratchOf(input: ScratchInput, columns: ShrunkColumns): Scratch {
  if (input.kind === "cuda") return cudaScratch(input, columns);
  const { architecture: arch, maxTokens: rows, maxSequence, threads } = input;
  const dtype: ComputeDtype = computeDtype(input.dtype);
  const mostProjections = Math.max(
    ...LORA_GROUPS.map((group) => group.filter((projection) => columns[projection] !== undefined).length),
  );
  return {
    attention: attentionScratchBytes(threads, maxSequence, arch.headDim, false),
    attentionBackward: attentionScratchBytes(threads, maxSequence, arch.headDim, true),
    head: (tileRows) => headScratchBytes(tileRows, arch.hiddenSize, arch.vocabularySize, dtype),
    lora: loraScratchBytes(rows, Math.max(0, ...Object.values(columns)), mostProjections, dtype),
  };
}
