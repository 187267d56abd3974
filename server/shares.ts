import { sum } from "../core/index.ts";

/** Places that several askers take, each known by a key. Some are kept for each of them, whoever holds the others. */
export class Shares {
  readonly #held = new Map<string, number>();
  readonly #most: number;
  readonly #numKeys: number;

  /** `numKeys`: askers that there can be. Half of the places are kept for them in equal parts. */
  constructor(most: number, numKeys: number) {
    this.#most = most;
    this.#numKeys = numKeys;
  }

  /** Takes a place; what gives it back, once. Undefined where none is left for the key. */
  take(key: string): (() => void) | undefined {
    const kept = this.#numKeys > 1 ? Math.floor(this.#most / (2 * this.#numKeys)) : 0;
    const others = [...this.#held].filter(([each]) => each !== key).map(([, count]) => count);
    const reserved = (this.#numKeys - 1) * kept - sum(others.map((count) => Math.min(count, kept)));
    const own = this.#held.get(key) ?? 0;
    if (own + sum(others) + reserved >= this.#most) return undefined;
    this.#held.set(key, own + 1);
    let isHeld = true;
    return () => {
      if (isHeld) this.#held.set(key, this.#held.get(key)! - 1);
      isHeld = false;
    };
  }
}
