import type { StepLayout } from "../plan/index.ts";
import {
  layoutBytes,
  layoutSeconds,
  layoutShares,
  type StepMachine,
  type StepShares,
  type StepWork,
  tokenSeconds,
  usableBytes,
} from "../studies/index.ts";
import type { SlotKind } from "./slot-kind.ts";
import { fastestLayout } from "./slot-layout.ts";

/** How long steps of a forecast's kinds take on the slots of a candidate. Times are of the model, in seconds. */
export class SlotTimes {
  readonly #slot: StepMachine;
  readonly #kinds: readonly SlotKind[];
  readonly #layouts: ReadonlyMap<string, StepLayout>;
  readonly #known = new Map<string, number>();
  readonly #alone: readonly number[];
  readonly #least: readonly number[];

  private constructor(slot: StepMachine, kinds: readonly SlotKind[], layouts: ReadonlyMap<string, StepLayout>) {
    this.#slot = slot;
    this.#kinds = kinds;
    this.#layouts = layouts;
    this.#alone = kinds.map(({ base, work }) => layoutSeconds(slot, layouts.get(base)!, [work]));
    this.#least = kinds.map(({ base, work }) => {
      const layout = layouts.get(base)!;
      return (tokenSeconds(slot, layout, work) * work.tokens) / layout.dataParallel;
    });
  }

  /** Where a slot has no room for some kind, its name. */
  static of(
    slot: StepMachine,
    jobsAtOnce: number,
    kinds: readonly SlotKind[],
  ): SlotTimes | { readonly noRoom: string } {
    const layouts = new Map<string, StepLayout>();
    for (const { base } of kinds) {
      if (layouts.has(base)) continue;
      const own = kinds.filter((kind) => kind.base === base);
      const layout = fastestLayout(slot, own, jobsAtOnce);
      if (layout === undefined) return { noRoom: own.map(({ kind }) => kind.name).join(", ") };
      layouts.set(base, layout);
    }
    return new SlotTimes(slot, kinds, layouts);
  }

  layoutOf(kind: number): StepLayout {
    return this.#layouts.get(this.#kinds[kind]!.base)!;
  }

  /** Of the memory of an accelerator that may be used, what so many jobs of a kind take that share a slot. */
  memoryShare(kind: number, jobsAtOnce: number): number {
    const jobs = Array<StepWork>(jobsAtOnce).fill(this.#kinds[kind]!.work);
    return layoutBytes(this.#slot, this.layoutOf(kind), jobs) / usableBytes(this.#slot);
  }

  /** Where the seconds of a step go that a job of a kind takes alone. */
  shares(kind: number): StepShares {
    return layoutShares(this.#slot, this.layoutOf(kind), [this.#kinds[kind]!.work]);
  }

  /** By its place in the forecast. */
  kindOf(kind: number): SlotKind {
    return this.#kinds[kind]!;
  }

  /** Seconds of a step of each of some jobs of one base model that share a slot, by their kinds. */
  stepSeconds(kinds: readonly number[]): number {
    if (kinds.length === 1) return this.#alone[kinds[0]!]!;
    const key = [...kinds].sort((a, b) => a - b).join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const own = kinds.map((kind) => this.#kinds[kind]!.work);
    const seconds = layoutSeconds(this.#slot, this.layoutOf(kinds[0]!), own);
    this.#known.set(key, seconds);
    return seconds;
  }

  /** Seconds that a job of a kind adds at least to any step that it shares: by its tokens alone. */
  leastSeconds(kind: number): number {
    return this.#least[kind]!;
  }
}
