/** Of a job that has joined and has no time yet. */
const NEW = -1;

function twice(numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const more = new Float64Array(2 * numbers.length);
  more.set(numbers);
  return more;
}

/**
 * The jobs of a pipeline, with where each is in its iterations: number by number in arrays, since a fleet of months goes
 * through all of them at every trigger. Times may be rounded: months in nanoseconds are beyond 2^53.
 */
export class Members {
  #count = 0;
  #numLookedAt = 0;
  #numbers = new Float64Array(4);
  /** Iterations after which it ends, and those that had ended when it last advanced. */
  #iterations = new Float64Array(4);
  #done = new Float64Array(4);
  #leaving = new Float64Array(4);
  /** 1 where the ends of its iterations are of interest beside that. */
  #watched = new Float64Array(4);
  /** When its iteration ends that was under way then, and how long those after it take. */
  #endNs = new Float64Array(4);
  #periodNs = new Float64Array(4);

  get count(): number {
    return this.#count;
  }

  /** Jobs, once for leaving and once for being watched: the ends of all their iterations are of interest. */
  get numLookedAt(): number {
    return this.#numLookedAt;
  }

  numbers(): number[] {
    return [...this.#numbers.subarray(0, this.#count)];
  }

  numberAt(place: number): number {
    return this.#numbers[place]!;
  }

  doneAt(place: number): number {
    return this.#done[place]!;
  }

  isLeaving(place: number): boolean {
    return this.#leaving[place] === 1;
  }

  isWatched(place: number): boolean {
    return this.#watched[place] === 1;
  }

  /** Iterations that are left of it. */
  left(place: number): number {
    return this.#iterations[place]! - this.#done[place]!;
  }

  /** -1 for a job that is not there. */
  placeOf(number: number): number {
    for (let place = 0; place < this.#count; place += 1) if (this.#numbers[place] === number) return place;
    return -1;
  }

  /** When the iteration after so many more ends. */
  endAfter(place: number, more: number): number {
    return this.#endNs[place]! + more * this.#periodNs[place]!;
  }

  /**
   * Iterations that have ended by a time, beside the one that ends first; -1 where that has not. By the same sums as the
   * ends themselves.
   */
  endedBy(place: number, atNs: number): number {
    const endNs = this.#endNs[place]!;
    if (atNs < endNs) return -1;
    let more = Math.floor((atNs - endNs) / this.#periodNs[place]!);
    while (this.endAfter(place, more + 1) <= atNs) more += 1;
    while (more >= 0 && this.endAfter(place, more) > atNs) more -= 1;
    return Math.max(-1, more);
  }

  /** So many more iterations have ended. */
  advance(place: number, count: number): void {
    this.#done[place]! += count;
    this.#endNs[place] = this.endAfter(place, count);
  }

  add(number: number, iterations: number, watched: boolean): void {
    if (this.#count === this.#numbers.length) this.#grow();
    const place = this.#count;
    this.#numbers[place] = number;
    this.#iterations[place] = iterations;
    this.#done[place] = NEW;
    this.#leaving[place] = 0;
    this.#watched[place] = 0;
    this.#endNs[place] = 0;
    this.#periodNs[place] = 0;
    this.#count += 1;
    this.setWatched(place, watched);
  }

  /** Where one that was just added already is in its iterations. */
  restore(
    place: number,
    { done, periodNs, endNs }: { readonly done: number; readonly periodNs: number; readonly endNs: number },
  ): void {
    this.#done[place] = done;
    this.#periodNs[place] = periodNs;
    this.#endNs[place] = endNs;
  }

  /** Of the iteration after so many more, the share that is left at a time. */
  shareLeft(place: number, more: number, atNs: number): number {
    return (this.endAfter(place, more) - atNs) / this.#periodNs[place]!;
  }

  remove(place: number): void {
    this.setLeaving(place, false);
    this.setWatched(place, false);
    for (const each of this.#columns()) each.copyWithin(place, place + 1, this.#count);
    this.#count -= 1;
  }

  setLeaving(place: number, leaving: boolean): void {
    this.#numLookedAt += Number(leaving) - this.#leaving[place]!;
    this.#leaving[place] = Number(leaving);
  }

  setWatched(place: number, watched: boolean): void {
    this.#numLookedAt += Number(watched) - this.#watched[place]!;
    this.#watched[place] = Number(watched);
  }

  /** What its iterations take from a time on; `done` of one that is new. */
  setPeriod(place: number, atNs: number, periodNs: number, done: number): void {
    const before = this.#periodNs[place]!;
    if (this.#done[place] === NEW) {
      this.#done[place] = done;
      this.#endNs[place] = atNs + periodNs;
    } else if (periodNs !== before) {
      const left = (this.#endNs[place]! - atNs) / before;
      this.#endNs[place] = atNs + Math.max(1, Math.round(left * periodNs));
    }
    this.#periodNs[place] = periodNs;
  }

  /** The iteration that is under way ends later, and those after it. */
  delay(place: number, ns: number): void {
    this.#endNs[place]! += ns;
  }

  #columns(): readonly Float64Array[] {
    return [
      ...[this.#numbers, this.#iterations, this.#done, this.#leaving, this.#watched],
      ...[this.#endNs, this.#periodNs],
    ];
  }

  #grow(): void {
    this.#numbers = twice(this.#numbers);
    this.#iterations = twice(this.#iterations);
    this.#done = twice(this.#done);
    this.#leaving = twice(this.#leaving);
    this.#watched = twice(this.#watched);
    this.#endNs = twice(this.#endNs);
    this.#periodNs = twice(this.#periodNs);
  }
}
