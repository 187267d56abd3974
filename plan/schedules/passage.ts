import { BACKWARD, EVALUATION, FORWARD, passCode } from "../actions/action.ts";
import type { Buffers } from "../documents/setting.ts";
import { Holes } from "../memory/holes.ts";

/** What devices have room for: a stage waits where an action would need more. */
export interface StageRoom {
  readonly buffers: readonly Buffers[];
  /** By stage: units of its activation slots. */
  readonly units: readonly number[];
  unitsOf(microBatch: number): number;
}

const NOBODY: readonly number[] = [];

/**
 * What is in the buffers and slots of a pipeline's stages. Orders that keep within them as they are made run within them
 * at any speed of devices and links, since whatever then waits for whatever lies later than it in these times.
 */
export class Passage {
  readonly #room: StageRoom;
  readonly #slots: readonly Holes[];
  /**
   * By stage, where the slot of each of its micro-batches lies, and its units: an evaluation's number may stand for
   * another micro-batch as soon as it has begun on the last stage.
   */
  readonly #taken: readonly Map<number, { readonly offset: number; readonly units: number }>[];
  /** By boundary: messages that are being made, or made and not used up. */
  readonly #forwards: Int32Array;
  readonly #backwards: Int32Array;

  constructor(room: StageRoom) {
    const numStages = room.units.length;
    this.#room = room;
    this.#slots = room.units.map(() => new Holes("lowest"));
    this.#taken = room.units.map(() => new Map());
    this.#forwards = new Int32Array(numStages - 1);
    this.#backwards = new Int32Array(numStages - 1);
  }

  /** `letter` as its code, here and below. */
  mayBegin(stage: number, letter: number, microBatch: number): boolean {
    const { buffers, units, unitsOf } = this.#room;
    if (letter === BACKWARD) return stage === 0 || this.#backwards[stage - 1]! < buffers[stage - 1]!.gradientIn;
    if (stage < units.length - 1 && this.#forwards[stage]! >= buffers[stage + 1]!.activationIn) return false;
    return this.#slots[stage]!.fits(unitsOf(microBatch), units[stage]!);
  }

  begin(stage: number, letter: number, microBatch: number): void {
    if (passCode(letter) === FORWARD) {
      if (stage < this.#forwards.length) this.#forwards[stage]! += 1;
      const units = this.#room.unitsOf(microBatch);
      this.#taken[stage]!.set(microBatch, { offset: this.#slots[stage]!.take(units), units });
    } else if (letter === BACKWARD && stage > 0) this.#backwards[stage - 1]! += 1;
  }

  /** An action has ended: the other stages that may have room for more. */
  end(stage: number, letter: number, microBatch: number): readonly number[] {
    if (letter === BACKWARD || letter === EVALUATION) {
      const taken = this.#taken[stage]!;
      const { offset, units } = taken.get(microBatch)!;
      this.#slots[stage]!.giveBack(offset, units);
      taken.delete(microBatch);
    }
    if (passCode(letter) === FORWARD) {
      if (stage === 0) return NOBODY;
      this.#forwards[stage - 1]! -= 1;
      return [stage - 1];
    }
    if (letter !== BACKWARD) return NOBODY;
    if (stage === this.#backwards.length) return NOBODY;
    this.#backwards[stage]! -= 1;
    return [stage + 1];
  }
}
