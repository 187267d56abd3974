import type { ComputeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { Projection } from "../documents/projections.ts";
import type { Room, Stage } from "../documents/setting.ts";

/** What a stage's activation memory follows from. */
export interface LayoutInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly dtype: Dtype;
  /** As `edgeDtypes` says; the compute dtype where absent. */
  readonly edges?: EdgeDtypes;
  /** Of its pipeline. */
  readonly room: Room;
  /** Of the device: a GPU's operators need other scratch than a CPU's, and rows that start at multiples of 16 bytes. */
  readonly kind: ResolvedDevice["kind"];
  readonly threads: number;
  /**
   * For runs whose sequences are in a cache, which have no backward: nothing is kept but the cache, which is the stash, and
   * so many rows may want their logits.
   */
  readonly generation?: { readonly mostLogits: number };
  /** The type in which an eager program computes that is no executor of ours (`ProgramMemory`). */
  readonly eager?: ComputeDtype;
}

/** Columns of x A^T by projection: the largest rank among the adapters on it, padded on a GPU. */
export type ShrunkColumns = Readonly<Partial<Record<Projection, number>>>;
