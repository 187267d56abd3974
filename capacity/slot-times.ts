import type { Candidate } from "../plan/index.ts";
import type { Accelerator, StepShares } from "../studies/index.ts";
import type { SlotKind } from "./slot-kind.ts";
import {
  fastestLayout,
  packedBytes,
  packedSeconds,
  type Slot,
  type SlotLayout,
  stepShares,
  tokenSeconds,
  usableBytes,
} from "./slot-layout.ts";

/** The accelerators of a candidate, as the catalog has them. */
export interface KnownAccelerator {
  readonly accelerator: Accelerator;
  readonly memoryBytes: number;
  readonly scaleUp: number;
}

/** How long steps of a forecast's kinds take on the slots of a candidate. Times are of the model, in seconds. */
export class SlotTimes {
  readonly #slot: Slot;
  readonly #kinds: readonly SlotKind[];
  readonly #layouts: ReadonlyMap<string, SlotLayout>;
  readonly #known = new Map<string, number>();
  readonly #alone: readonly number[];
  readonly #least: readonly number[];

  private constructor(slot: Slot, kinds: readonly SlotKind[], layouts: ReadonlyMap<string, SlotLayout>) {
    this.#slot = slot;
    this.#kinds = kinds;
    this.#layouts = layouts;
    this.#alone = kinds.map((kind) => packedSeconds(slot, layouts.get(kind.base)!, [kind]));
    this.#least = kinds.map((own) => {
      const layout = layouts.get(own.base)!;
      return (tokenSeconds(slot, layout, own) * own.kind.batchSize * own.meanTokens) / layout.dataParallel;
    });
  }

  /** Undefined where a slot has no room for some kind; its name is given then. */
  static of(
    candidate: Pick<Candidate, "slot" | "precision" | "jobsAtOnce">,
    known: KnownAccelerator,
    kinds: readonly SlotKind[],
  ): SlotTimes | { readonly noRoom: string } {
    const slot: Slot = { ...known, size: candidate.slot, precision: candidate.precision };
    const layouts = new Map<string, SlotLayout>();
    for (const { base } of kinds) {
      if (layouts.has(base)) continue;
      const own = kinds.filter((kind) => kind.base === base);
      const layout = fastestLayout(slot, own, candidate.jobsAtOnce);
      if (layout === undefined) return { noRoom: own.map(({ kind }) => kind.name).join(", ") };
      layouts.set(base, layout);
    }
    return new SlotTimes(slot, kinds, layouts);
  }

  layoutOf(kind: number): SlotLayout {
    return this.#layouts.get(this.#kinds[kind]!.base)!;
  }

  /** Of the memory of an accelerator that may be used, what so many jobs of a kind take that share a slot. */
  memoryShare(kind: number, jobsAtOnce: number): number {
    const jobs = Array<SlotKind>(jobsAtOnce).fill(this.#kinds[kind]!);
    return packedBytes(this.#slot, this.layoutOf(kind), jobs) / usableBytes(this.#slot);
  }

  /** Where the seconds of a step go that a job of a kind takes alone. */
  shares(kind: number): StepShares {
    return stepShares(this.#slot, this.layoutOf(kind), this.#kinds[kind]!);
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
    const own = kinds.map((kind) => this.#kinds[kind]!);
    const seconds = packedSeconds(this.#slot, this.layoutOf(kinds[0]!), own);
    this.#known.set(key, seconds);
    return seconds;
  }

  /** Seconds that a job of a kind adds at least to any step that it shares: by its tokens alone. */
  leastSeconds(kind: number): number {
    return this.#least[kind]!;
  }
}
