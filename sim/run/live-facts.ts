import type { Nanos } from "../../core/index.ts";
import {
  type ActionDurations,
  type ComputeDtype,
  type LivePiece,
  LiveWork,
  microBatchTokens,
  type Setting,
  tokenBytes,
  type Work,
} from "../../plan/index.ts";
import type { MessageSizes } from "./message-sizes.ts";
import { NO_SIGNAL, type SignalsOf, type StageOrder } from "./stage-orders.ts";

/** What of a setting the run of a plan in it needs. */
export type RunSetting = Pick<Setting, "devices" | "links" | "stages" | "pipelines" | "buffers" | "model">;

/** What a segment says of its micro-batches, by number from its first. */
export interface MicroBatchFacts {
  readonly piece: LivePiece | undefined;
  readonly durations: ActionDurations;
  /** Numbers of its messages' sizes, by what they are stored as. */
  readonly sizes: Readonly<Record<ComputeDtype, Int32Array>>;
  /** Whether its backward on its pipeline's first stage has ended. */
  readonly signalled: Uint8Array;
  readonly firstMicroBatch: number;
  readonly endMicroBatch: number;
}

export const NO_FACTS: MicroBatchFacts = {
  piece: undefined,
  durations: () => 0 as Nanos,
  sizes: { float32: new Int32Array(0), bfloat16: new Int32Array(0) },
  signalled: new Uint8Array(0),
  firstMicroBatch: 0,
  endMicroBatch: 0,
};

/** What is known of the micro-batches in flight, segment by segment. */
export class LiveFacts {
  readonly live: LiveWork;
  readonly #sizes: MessageSizes;
  readonly #model: RunSetting["model"];
  readonly #facts = new Map<LivePiece, MicroBatchFacts>();
  /** Where the last one was found; the next is mostly there, too. */
  #found = NO_FACTS;

  constructor(setting: RunSetting, sizes: MessageSizes) {
    this.live = new LiveWork(setting);
    this.#sizes = sizes;
    this.#model = setting.model;
  }

  readonly signalsOf: SignalsOf = (stage, letter, microBatch) => this.live.signalsOf(stage, letter, microBatch);

  append(work: Work, durationsOf: (live: LiveWork) => ActionDurations): void {
    const piece = this.live.append(work);
    if (piece.left === 0) return;
    const { microBatches } = work;
    const { firstMicroBatch, endMicroBatch } = piece;
    const sizesAs = (dtype: ComputeDtype): Int32Array =>
      Int32Array.from(microBatches, (each) =>
        this.#sizes.numberOf(microBatchTokens(each) * tokenBytes(this.#model, dtype)),
      );
    this.#facts.set(piece, {
      piece,
      firstMicroBatch,
      endMicroBatch,
      durations: durationsOf(this.live),
      sizes: { float32: sizesAs("float32"), bfloat16: sizesAs("bfloat16") },
      signalled: new Uint8Array(microBatches.length),
    });
  }

  of(microBatch: number): MicroBatchFacts {
    const found = this.#found;
    if (microBatch >= found.firstMicroBatch && microBatch < found.endMicroBatch) return found;
    this.#found = this.#facts.get(this.live.pieceOf(microBatch))!;
    return this.#found;
  }

  /** The first of the signals of a position that is not there; -1 for none. */
  openSignal({ signals, signalLists }: StageOrder, position: number): number {
    const signal = signals[position]!;
    if (signal === NO_SIGNAL) return -1;
    if (signal >= 0) return this.#isSignalled(signal) ? -1 : signal;
    return signalLists[NO_SIGNAL - 1 - signal]!.find((each) => !this.#isSignalled(each)) ?? -1;
  }

  /** An action has ended. */
  end({ piece }: MicroBatchFacts): void {
    piece!.left -= 1;
    if (piece!.left === 0) this.#retire(piece!);
  }

  #retire(piece: LivePiece): void {
    this.live.retire(piece);
    this.#facts.delete(piece);
    if (this.#found.piece === piece) this.#found = NO_FACTS;
  }

  #isSignalled(microBatch: number): boolean {
    const found = this.#found;
    if (microBatch >= found.firstMicroBatch && microBatch < found.endMicroBatch)
      return found.signalled[microBatch - found.firstMicroBatch] === 1;
    const piece = this.live.findPiece(microBatch);
    // What has been forgotten has ended.
    if (piece === undefined) return true;
    return this.#facts.get(piece)!.signalled[microBatch - piece.firstMicroBatch] === 1;
  }
}
