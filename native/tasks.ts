// What is put into a device's queues, and what comes back. Times are nanoseconds of the device's own monotonic clock
// since the runtime was made; offsets into an arena are bytes.

import type { PreferenceTerm } from "./preference.ts";
import type { Handle } from "./tensors.ts";
import type { Channel } from "./world.ts";

/**
 * Rows of a run that belong to one adapter; segments come in row order, an adapter at most once, and may be empty.
 * Rows outside every segment get no adapter, and unless `losses` names them they are not scored.
 */
export interface Segment {
  readonly adapter: Handle;
  readonly rowStart: number;
  readonly rowEnd: number;
  /** Factor of this segment's token losses in the gradient (1 / scored tokens of the mini-batch). */
  readonly lossScale: number;
  /** Probability of dropping an input of the adapter; 0 = off. */
  readonly dropout: number;
  /** Two unsigned 32-bit words. */
  readonly dropoutSeed: readonly [number, number];
}

/** A norm cell that receives the sum of squares of an adapter's gradients after the run. */
export interface SumSquares {
  readonly adapter: Handle;
  readonly cell: number;
}

/** Rows whose token losses are summed; in row order. Of a `lossScale` of 0 there is no gradient. */
export interface LossPart {
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly lossScale: number;
}

/**
 * Of a sequence that is run in parts: the row of the cache that has its position 0, how many positions came before the
 * run's, and how many the whole has, which long rotary frequencies go by.
 */
export interface CachedRows {
  readonly first: number;
  readonly past: number;
  readonly total: number;
}

/** What one run gives to a program. */
export interface Bindings {
  /** T, 1 or more. */
  readonly rows: number;
  /** Of the run that the stash was made for, where this one leaves out the last of them; `rows` when absent. */
  readonly stashRows?: number;
  /** [T] token ids; programs with `embed` need them. */
  readonly ids?: Int32Array;
  /** [T] shifted targets, -1 = not scored; programs with `headLoss` need them. */
  readonly targets?: Int32Array;
  /** [sequences + 1] row offsets from 0 to T. */
  readonly sequences: Int32Array;
  /**
   * Of each sequence; programs with `cachedAttention` need them. The cache is the stash: `stashRows` of it. An adapter may
   * then have several segments, and no operator of a backward may be in the program.
   */
  readonly caches?: readonly CachedRows[];
  /** Rows in ascending order whose logits `headLogits` gives; none when absent. */
  readonly logitRows?: Int32Array;
  readonly segments: readonly Segment[];
  /** What losses are summed over, also outside of segments; each segment by itself when absent. */
  readonly losses?: readonly LossPart[];
  /** What of the losses is compared with each other; none when absent. */
  readonly preferences?: readonly PreferenceTerm[];
  /** [T] keys of the dropout mask; runs with dropout need them. */
  readonly rowKeys?: Int32Array;
  /** Where each space starts in the arena; multiples of 64. A space that the program does not use may be 0. */
  readonly stash: number;
  readonly work: number;
  readonly in: number;
  readonly out: number;
  readonly sumSquares?: readonly SumSquares[];
  /** True reports the time of each operator. */
  readonly profile?: boolean;
}

/** What every task has: a caller's id, the events that it waits for, and the event that it signals when done. */
export interface Task {
  readonly id: number;
  readonly waits: readonly number[];
  readonly signal?: number;
}

/** A rank that hears of a task's end; `generation`: how often the task's event has been renewed there by then. */
export interface Listener {
  readonly rank: number;
  readonly generation: number;
}

/** A program on data. Listeners hear of its event and of the cells of `sumSquares`. */
export interface RunTask extends Task {
  readonly program: Handle;
  readonly bindings: Bindings;
  readonly listeners?: readonly Listener[];
}

/** What an update may tell of an adapter, as it is then: vectors one after another. */
export const TOLD_PARTS = {
  parameters: ["parameters"],
  state: ["parameters", "firstMoment", "secondMoment"],
} as const;
export type Told = keyof typeof TOLD_PARTS;

/** One adapter's optimizer step; PyTorch's AdamW, clipped as clip_grad_norm_ does. Gradients are zero afterwards. */
export interface UpdateItem {
  readonly adapter: Handle;
  /** 1 for the first step (bias correction). */
  readonly step: number;
  readonly learningRate: number;
  /** Of the matrices B; that of A where absent. */
  readonly learningRateB?: number | undefined;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 = no clipping. */
  readonly maxGradNorm: number;
  /**
   * The cells (of all stages) whose sum is the squared gradient norm. Where the only one is filled by a run of this
   * device, a GPU takes the sum that this run has left in its memory; else the host waits for the runs, since the norms
   * of several stages come together there.
   */
  readonly normCells: readonly number[];
  /** What the task tells of what it makes; nothing where absent. */
  readonly told?: Told | undefined;
}

/** Optimizer steps of some adapters. */
export interface UpdateTask extends Task {
  readonly items: readonly UpdateItem[];
}

/** The device that a message goes to, as `createDevice` gave it. */
export interface SendTarget {
  readonly name: string;
}

/** A copy into another device's arena (or the same one's), on the source device's send stream. */
export interface SendTask extends Task {
  readonly source: number;
  readonly bytes: number;
  readonly destination: SendTarget;
  readonly destinationOffset: number;
}

/**
 * Bytes of the arena, from `offset` on, to or from a device of another rank, on a stream of the channel's own. Listeners
 * hear of the event of what is received.
 */
export interface ChannelTask extends Task {
  readonly channel: Channel;
  readonly offset: number;
  readonly bytes: number;
  readonly listeners?: readonly Listener[];
}

/** A copy from host memory into the device's arena, in order on its compute stream; `data` is copied when enqueued. */
export interface UploadTask extends Task {
  readonly data: Float32Array;
  readonly destinationOffset: number;
}

/** A finished task. */
export interface Completion {
  /** The device's name. */
  readonly device: string;
  readonly stream: "compute" | "send" | "receive";
  readonly id: number;
  readonly startNs: number;
  readonly endNs: number;
  /** Sums of token losses, of each of the bindings' `losses`; runs with `headLoss`. */
  readonly losses?: Float64Array;
  /** In the order of the bindings' `sumSquares`. */
  readonly sumSquares?: Float64Array;
  /** Of an update: what it tells of its items (`TOLD_PARTS`) one after another, as `readAdapter` would give each. */
  readonly parameters?: Float32Array;
  /**
   * Nanoseconds of each operator of the program, on a CPU device without those of `interruptedNs`; runs with `profile`.
   */
  readonly opNs?: Float64Array;
  /**
   * For how long in all the task's threads had something to do and no core to do it on, because the system ran
   * something else there; at most the task's own time. Programs, updates and sends of a CPU device.
   */
  readonly interruptedNs?: number;
  /**
   * The same of the stream's own thread between the task before and this one: what it waited for was there, and its
   * core was not.
   */
  readonly delayedNs?: number;
  /** How often the system made one of these threads give up its core meanwhile; told with `interruptedNs`. */
  readonly switches?: number;
}

/**
 * How a task goes wrong that was asked to: it meets an allocation failure, throws what is no exception, ends its thread
 * without a word, or never ends.
 */
export type DeviceFault = "memory" | "error" | "end" | "hang";

/**
 * One projection of an adapter: A [rank, inFeatures] then B [outFeatures, rank] in the flat layout; `scale` is of B A x.
 * Of experts: A [experts, rank, inFeatures] then B [experts, outFeatures, rank]. With `magnitudes` these [outFeatures]
 * come behind B; one that is no number when the parameters are written becomes the norm of what base and adapter are.
 * With `tokens`, A [rank, inFeatures] is the rows that these have instead of the base's; there is no B, and outFeatures is
 * 0. When the parameters are written a row that begins with no number becomes the base's, one that begins with infinity
 * the mean of the base's rows before the first such token.
 */
export interface AdapterEntry {
  readonly target: number;
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly scale: number;
  /** 1 when absent. */
  readonly experts?: number;
  /** The base's matrix, loaded for them, and the first of its rows that are the target's. */
  readonly magnitudes?: { readonly weight: Handle; readonly column: number } | undefined;
  /** The embedding, and ascending ids. */
  readonly tokens?: { readonly table: Handle; readonly ids: readonly number[] } | undefined;
}
