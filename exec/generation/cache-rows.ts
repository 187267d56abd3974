/** Ranges of the cache's rows: each sequence has one for as long as it is generated. */
export class CacheRows {
  /** Free ranges in order; no two of them touch. */
  #free: readonly { readonly first: number; readonly count: number }[];

  constructor(first: number, count: number) {
    this.#free = count > 0 ? [{ first, count }] : [];
  }

  /** The first row of a range of so many; undefined where none is free. */
  take(count: number): number | undefined {
    const found = this.#free.find((range) => range.count >= count);
    if (found === undefined) return undefined;
    this.#free = this.#free.flatMap((range) => {
      if (range !== found) return [range];
      return range.count === count ? [] : [{ first: range.first + count, count: range.count - count }];
    });
    return found.first;
  }

  giveBack(first: number, count: number): void {
    const merged: { first: number; count: number }[] = [];
    for (const range of [...this.#free, { first, count }].sort((a, b) => a.first - b.first)) {
      const last = merged.at(-1);
      if (last !== undefined && last.first + last.count === range.first) last.count += range.count;
      else merged.push({ ...range });
    }
    this.#free = merged;
  }
}
