import { type CauseKey, causeOrder } from "./causes.ts";

/** The part of a run's time that goes to a cause. */
export interface CauseTime extends CauseKey {
  readonly ns: number;
}

/** What a run's time goes to: the mean over its devices, in whole nanoseconds that add up to the makespan. */
export interface RunCauses {
  readonly makespanNs: number;
  /** In the order of tables; those that take time. */
  readonly causes: readonly CauseTime[];
}

/** Times of all devices by cause: sums larger than what a number holds to the nanosecond. */
export class CauseSums {
  readonly #sums = new Map<string, { readonly key: CauseKey; ns: bigint }>();

  /** Adds a time that a run has so many times. */
  add({ ns, ...key }: CauseTime, times = 1): void {
    const text = `${key.cause} ${key.tokens}`;
    const known = this.#sums.get(text);
    const own = BigInt(ns) * BigInt(times);
    if (known === undefined) this.#sums.set(text, { key, ns: own });
    else known.ns += own;
  }

  /** The mean over so many devices, rounded so that the sum stays whole. */
  means(numDevices: number): readonly CauseTime[] {
    const devices = BigInt(numDevices);
    const rounded = (ns: bigint): number => Number((2n * ns + devices) / (2n * devices));
    let all = 0n;
    return [...this.#sums.values()]
      .sort((a, b) => causeOrder(a.key, b.key))
      .flatMap(({ key, ns }) => {
        const before = rounded(all);
        all += ns;
        const mean = rounded(all) - before;
        return mean === 0 ? [] : [{ ...key, ns: mean }];
      });
  }
}

/** Work on micro-batches of so many tokens: products, with others of up to the next power of two. */
export function productsOf(tokens: number, ns: number): CauseTime {
  return { cause: "products", tokens: 2 ** Math.ceil(Math.log2(Math.max(1, tokens))), ns };
}
