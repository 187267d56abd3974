/** Small numbers that are given out, given back and given out again, the lowest first. */
export class Numbers {
  #next = 0;
  readonly #free: number[] = [];

  take(): number {
    const number = this.#free.pop();
    if (number !== undefined) return number;
    this.#next += 1;
    return this.#next - 1;
  }

  giveBack(number: number): void {
    this.#free.push(number);
  }

  /** One more than the largest that was ever given out. */
  get end(): number {
    return this.#next;
  }
}
