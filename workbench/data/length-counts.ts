/** Rows by length: `counts[i]` have at least `i * width` tokens, and fewer than `(i + 1) * width`. */
export interface LengthHistogram {
  readonly width: number;
  readonly counts: readonly number[];
}

/** Bars of a histogram. */
const MOST_BARS = 40;

/** Widths that people can read: 1, 2 or 5 times a power of ten. */
function niceWidth(least: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((times) => times * unit).find((width) => width >= least)!;
}

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

  /** At most `MOST_BARS` bars. */
  histogram(): LengthHistogram {
    const longest = [...this.#counts.keys()].reduce((most, length) => Math.max(most, length), 0);
    const width = niceWidth((longest + 1) / MOST_BARS);
    const counts = Array.from({ length: Math.ceil((longest + 1) / width) }, () => 0);
    for (const [length, count] of this.#counts) counts[Math.floor(length / width)]! += count;
    return { width, counts: this.#numRows === 0 ? [] : counts };
  }
}
