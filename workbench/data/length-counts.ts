/** Rows by length: `counts[i]` have at least `i * width` tokens, and fewer than `(i + 1) * width`. */
export interface LengthHistogram {
  readonly width: number;
  readonly counts: readonly number[];
  /** Rows that are longer than all of these. */
  readonly numLonger: number;
}

/** Bars of a histogram. */
const MOST_BARS = 40;

/** Times the length that 95 of 100 rows have at most: what is longer would press all others into one bar. */
const FAR = 4;

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

  /** At most `MOST_BARS` bars, which reach to a cutoff, and as far as most rows. */
  histogram(cutoffLength = Number.POSITIVE_INFINITY): LengthHistogram {
    if (this.#numRows === 0) return { width: 1, counts: [], numLonger: 0 };
    const [p95 = 0, longest = 0] = this.quantiles([0.95, 1]);
    const far = Math.max(FAR * p95, Number.isFinite(cutoffLength) ? cutoffLength : 0);
    const end = Math.floor(Math.min(longest, far));
    const width = niceWidth((end + 1) / MOST_BARS);
    const counts = Array.from({ length: Math.ceil((end + 1) / width) }, () => 0);
    let numLonger = 0;
    for (const [length, count] of this.#counts) {
      const bar = Math.floor(length / width);
      if (bar < counts.length) counts[bar]! += count;
      else numLonger += count;
    }
    return { width, counts, numLonger };
  }
}
