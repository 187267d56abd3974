import type { ComputeDtype } from "../compute-dtype.ts";
import type { Architecture, Projection } from "../documents/architecture.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { PlannedJob, Stage } from "../documents/plan.ts";
import type { Dtype } from "../documents/workload.ts";

/** What a stage's activation memory follows from. */
export interface LayoutInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly jobs: readonly Pick<PlannedJob, "adapter">[];
  readonly dtype: Dtype;
  /** The most tokens of a micro-batch, and of a sequence. */
  readonly maxTokens: number;
  readonly maxSequence: number;
  /** Of the device: a GPU's operators need other scratch than a CPU's, and rows that start at multiples of 16 bytes. */
  readonly kind: ResolvedDevice["kind"];
  readonly threads: number;
  /** The type in which an eager program computes that is no executor of ours (`ProgramMemory`). */
  readonly eager?: ComputeDtype;
}

/** Columns of x A^T by projection: the largest rank among the jobs that target it, padded on a GPU. */
export type ShrunkColumns = Readonly<Partial<Record<Projection, number>>>;
