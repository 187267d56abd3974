/** Items that are dropped before the rest moves up: few enough to hold, many enough that moving costs little. */
const DROPPED = 1024;

/** First in, first out; taking one moves no others, but now and then. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  add(item: T): void {
    this.#items.push(item);
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Takes out an item, wherever it is. */
  remove(item: T): void {
    const at = this.#items.indexOf(item, this.#head);
    if (at >= 0) this.#items.splice(at, 1);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = this.#head; at < this.#items.length; at += 1) yield this.#items[at]!;
  }

  take(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head === DROPPED) {
      this.#items = this.#items.slice(DROPPED);
      this.#head = 0;
    }
    return item;
  }
}
