import { type DueSlots, Fifo } from "../../core/index.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";

/** Gradient norms of clipping mini-batches on their way to the stages whose updates wait for them. */
export class NormSignals {
  readonly #firstSlot: number;
  readonly #due: DueSlots;
  readonly #afterNs: (stage: number) => number;
  /** By stage; each takes as long as the one before. */
  readonly #sent: readonly Fifo<{ readonly timeNs: number; readonly miniBatch: MiniBatch }>[];

  /** `due` has a slot for each stage from the first one on. */
  constructor(numStages: number, firstSlot: number, due: DueSlots, afterNs: (stage: number) => number = () => 0) {
    this.#firstSlot = firstSlot;
    this.#due = due;
    this.#afterNs = afterNs;
    this.#sent = Array.from({ length: numStages }, () => new Fifo());
  }

  /** Whether they are at the stage at once; else the stage's slot comes due. */
  send(stage: number, miniBatch: MiniBatch, nowNs: number): boolean {
    const afterNs = this.#afterNs(stage);
    if (afterNs === 0) return true;
    const sent = this.#sent[stage]!;
    if (sent.first === undefined) this.#due.add(this.#firstSlot + stage, nowNs + afterNs);
    sent.add({ timeNs: nowNs + afterNs, miniBatch });
    return false;
  }

  /** The stage's slot has come due: one mini-batch whose norms are there. */
  receive(stage: number): MiniBatch {
    const sent = this.#sent[stage]!;
    const { miniBatch } = sent.take()!;
    if (sent.first !== undefined) this.#due.add(this.#firstSlot + stage, sent.first.timeNs);
    return miniBatch;
  }
}
