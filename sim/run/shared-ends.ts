import type { Nanos } from "../../core/index.ts";
import type { SharedLine } from "../network/connection.ts";
import type { OnLine } from "./channel.ts";
import { SharedMachine } from "./shared-machine.ts";

type Shared = SharedLine<OnLine> | SharedMachine;

/** Whose work on something shared has ended. */
export interface EndedOnShared {
  endCompute(stage: number): void;
  leaveLine(owner: OnLine): void;
}

/** When the next work ends on what several share: it moves whenever something starts there. */
export class SharedEnds {
  readonly #all: readonly Shared[];
  readonly #endsNs: Float64Array;
  readonly #isChanged: Uint8Array;

  constructor(all: readonly Shared[]) {
    this.#all = all;
    this.#endsNs = new Float64Array(all.length).fill(Number.POSITIVE_INFINITY);
    this.#isChanged = new Uint8Array(all.length);
  }

  /** Something has started there. */
  change(one: Shared): void {
    this.#isChanged[this.#all.indexOf(one)] = 1;
  }

  /** Applies what ends at a time; how many of those that are shared had something. */
  apply(nowNs: number, ended: EndedOnShared): number {
    let count = 0;
    for (let index = 0; index < this.#all.length; index += 1) {
      if (this.#endsNs[index] !== nowNs) continue;
      const one = this.#all[index]!;
      if (one instanceof SharedMachine) for (const stage of one.takeEnded(nowNs)) ended.endCompute(stage);
      else for (const owner of one.takeEnded(nowNs as Nanos)) ended.leaveLine(owner);
      this.#isChanged[index] = 1;
      count += 1;
    }
    return count;
  }

  settle(): void {
    for (let index = 0; index < this.#all.length; index += 1) {
      if (this.#isChanged[index] === 0) continue;
      this.#isChanged[index] = 0;
      this.#endsNs[index] = this.#all[index]!.nextEndNs() ?? Number.POSITIVE_INFINITY;
    }
  }

  /** The earliest of them and of another time. */
  nextNs(other: number): number {
    let next = other;
    for (let index = 0; index < this.#all.length; index += 1) next = Math.min(next, this.#endsNs[index]!);
    return next;
  }
}
