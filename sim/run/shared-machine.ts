import type { Nanos } from "../../core/index.ts";
import { type Contention, type PlannedLetter, passOf, type Setting } from "../../plan/index.ts";

/** An action on its way. */
interface Running {
  readonly stage: number;
  /** Its time on an otherwise idle machine / its time on a busy one. */
  readonly alone: number;
  /** What is left of its time on a busy machine. */
  remainingNs: number;
}

/**
 * The actions that run at once on the devices of one machine. With `others` beside it an action takes alone + (1 -
 * alone) x others / (devices - 1) of its time on a busy machine, at most all of it. When the others change, what is
 * left of it goes on at another pace.
 */
export class SharedMachine {
  readonly #contention: Contention;
  readonly #running: Running[] = [];
  #updatedNs = 0;

  constructor(contention: Contention) {
    this.#contention = contention;
  }

  /** `busyNs`: the action's time with the other devices busy. */
  start(stage: number, letter: PlannedLetter, busyNs: number, nowNs: number): void {
    this.#advance(nowNs);
    this.#running.push({ stage, alone: this.#contention.alone[passOf(letter)], remainingNs: busyNs });
  }

  /** When the next action ends if none starts before; null without actions. */
  nextEndNs(): Nanos | null {
    let least = Number.POSITIVE_INFINITY;
    for (const each of this.#running) least = Math.min(least, this.#leftNs(each));
    return least === Number.POSITIVE_INFINITY ? null : ((this.#updatedNs + least) as Nanos);
  }

  /** Removes the actions that have ended and returns their stages in order of start. */
  takeEnded(nowNs: number): readonly number[] {
    this.#advance(nowNs);
    const ended = this.#running.filter((each) => this.#leftNs(each) === 0);
    for (const each of ended) this.#running.splice(this.#running.indexOf(each), 1);
    return ended.map(({ stage }) => stage);
  }

  /** Its time at the present pace, in whole nanoseconds. */
  #leftNs(each: Running): number {
    return Math.round(Math.max(0, each.remainingNs) * this.#pace(each));
  }

  #pace({ alone }: Running): number {
    const others = Math.min(1, (this.#running.length - 1) / Math.max(1, this.#contention.devices - 1));
    return alone + (1 - alone) * others;
  }

  #advance(nowNs: number): void {
    const elapsedNs = nowNs - this.#updatedNs;
    for (const each of this.#running) each.remainingNs -= elapsedNs / this.#pace(each);
    this.#updatedNs = nowNs;
  }
}

/** The machines of a plan's stages, each once. */
export function sharedMachines(
  plan: Pick<Setting, "stages" | "devices">,
  contention: Contention,
): { readonly all: readonly SharedMachine[]; readonly ofStage: readonly SharedMachine[] } {
  const byName = new Map<string, SharedMachine>();
  const ofStage = plan.stages.map(({ device }) => {
    const name = plan.devices[device]!.machine;
    const machine = byName.get(name) ?? new SharedMachine(contention);
    byName.set(name, machine);
    return machine;
  });
  return { all: [...byName.values()], ofStage };
}
