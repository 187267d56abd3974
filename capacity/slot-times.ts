import { canonicalJson } from "../core/index.ts";
import type { StepLayout } from "../plan/index.ts";
import {
  DealtRows,
  layoutBytes,
  layoutSeconds,
  layoutShares,
  layoutTrust,
  type StepMachine,
  type StepShares,
  type StepTrust,
  tokenSeconds,
  usableBytes,
} from "../studies/index.ts";
import type { SlotKind } from "./slot-kind.ts";
import { fastestLayout, rowsOf } from "./slot-layout.ts";

/** Kinds without room, by name, where a slot has none for some. */
type Times = SlotTimes | { readonly noRoom: string };

/** By the kinds of a forecast: candidates of other counts, tenures and policies have the same slots. */
const known = new WeakMap<readonly SlotKind[], Map<string, Times>>();

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
    this.#alone = kinds.map((kind) => layoutSeconds(slot, layouts.get(kind.base)!, rowsOf(kind, 1)));
    this.#least = kinds.map((kind) => {
      const layout = layouts.get(kind.base)!;
      return (tokenSeconds(slot, layout, rowsOf(kind, 1)) * kind.tokens) / layout.dataParallel;
    });
  }

  static of(slot: StepMachine, jobsAtOnce: number, kinds: readonly SlotKind[]): Times {
    const slots = known.get(kinds) ?? new Map<string, Times>();
    known.set(kinds, slots);
    const key = `${jobsAtOnce} ${canonicalJson(slot)}`;
    const times = slots.get(key) ?? SlotTimes.#of(slot, jobsAtOnce, kinds);
    slots.set(key, times);
    return times;
  }

  static #of(slot: StepMachine, jobsAtOnce: number, kinds: readonly SlotKind[]): Times {
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
    const rows = rowsOf(this.#kinds[kind]!, jobsAtOnce);
    return layoutBytes(this.#slot, this.layoutOf(kind), rows) / usableBytes(this.#slot);
  }

  /** Where the seconds of a step go that a job of a kind takes alone. */
  shares(kind: number): StepShares {
    return layoutShares(this.#slot, this.layoutOf(kind), rowsOf(this.#kinds[kind]!, 1));
  }

  /** How far the time of such a step can be trusted. */
  trust(kind: number): StepTrust {
    return layoutTrust(this.#slot, this.layoutOf(kind), rowsOf(this.#kinds[kind]!, 1));
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
    const rows = new DealtRows(kinds.map((kind) => this.#kinds[kind]!.work));
    // A pipeline fills sooner where more rows are cut finer; a job alone would be cut like that as well.
    const alone = kinds.map((kind) => this.#alone[kind]!);
    const seconds = Math.max(layoutSeconds(this.#slot, this.layoutOf(kinds[0]!), rows), ...alone);
    this.#known.set(key, seconds);
    return seconds;
  }

  /** Seconds that a job of a kind adds at least to any step that it shares: by its tokens alone. */
  leastSeconds(kind: number): number {
    return this.#least[kind]!;
  }
}
