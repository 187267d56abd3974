// `splice` would make a list of what it removes, and slots come and go by the million.

function remove(list: number[], place: number): void {
  for (let at = place + 1; at < list.length; at += 1) list[at - 1] = list[at]!;
  list.pop();
}

function insert(list: number[], place: number, value: number): void {
  list.push(value);
  for (let at = list.length - 1; at > place; at -= 1) list[at] = list[at - 1]!;
  list[place] = value;
}

/**
 * A line of memory with slots of different sizes: each goes, when it is taken, into a hole between the others, the
 * lowest that is large enough or the smallest, or behind the last one.
 */
export class Holes {
  readonly #chosen: "lowest" | "smallest";
  /** By offset, none next to another; behind the last one lies a slot. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #top = 0;

  constructor(chosen: "lowest" | "smallest") {
    this.#chosen = chosen;
  }

  /** The end of the highest slot. */
  get top(): number {
    return this.#top;
  }

  /** Whether a slot would end at `limit` or before. */
  fits(size: number, limit: number): boolean {
    return this.#top + size <= limit || this.#choose(size) >= 0;
  }

  /** The offset of a new slot. */
  take(size: number): number {
    const hole = this.#choose(size);
    if (hole < 0) {
      const offset = this.#top;
      this.#top += size;
      return offset;
    }
    const offset = this.#starts[hole]!;
    this.#starts[hole]! += size;
    if (this.#starts[hole] === this.#ends[hole]) {
      remove(this.#starts, hole);
      remove(this.#ends, hole);
    }
    return offset;
  }

  giveBack(offset: number, size: number): void {
    const [starts, ends] = [this.#starts, this.#ends];
    let start = offset;
    let end = offset + size;
    let from = 0;
    for (let to = starts.length; from < to; ) {
      const middle = (from + to) >> 1;
      if (starts[middle]! < start) from = middle + 1;
      else to = middle;
    }
    if (starts[from] === end) {
      end = ends[from]!;
      remove(starts, from);
      remove(ends, from);
    }
    if (from > 0 && ends[from - 1] === start) {
      from -= 1;
      start = starts[from]!;
      remove(starts, from);
      remove(ends, from);
    }
    if (end === this.#top) this.#top = start;
    else {
      insert(starts, from, start);
      insert(ends, from, end);
    }
  }

  #choose(size: number): number {
    const [starts, ends] = [this.#starts, this.#ends];
    let best = -1;
    for (let hole = 0; hole < starts.length; hole += 1) {
      const room = ends[hole]! - starts[hole]!;
      if (room < size || (best >= 0 && room >= ends[best]! - starts[best]!)) continue;
      best = hole;
      if (this.#chosen === "lowest") break;
    }
    return best;
  }
}
