/** How many rows have each length. */
export class LengthCounts {
  readonly #counts = new Map<number, number>();
  #numRows = 0;
  #total = 0;

  add(length: number): void {
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + 1);
    this.#numRows += 1;
    this.#total += length;
  }

  /** Of all rows together. */
  get total(): number {
    return this.#total;
  }

  /** The lengths that so many shares of the rows have at most, as `quantile` of core has them; 0 where there are no rows. */
  quantiles(shares: readonly number[]): readonly number[] {
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    const at = (place: number): number => {
      let below = 0;
      for (const [length, count] of sorted) {
        below += count;
        if (place < below) return length;
      }
      return sorted.at(-1)?.[0] ?? 0;
    };
    return shares.map((share) => {
      const place = Math.max(0, this.#numRows - 1) * share;
      const whole = Math.floor(place);
      return at(whole) + (place - whole) * (at(Math.ceil(place)) - at(whole));
    });
  }
}
