/** First in, first out, in a ring that grows when it is full. */
export class Fifo<T> {
  /** As many places as a power of two. */
  #items: (T | undefined)[] = [undefined];
  #head = 0;
  #size = 0;

  add(item: T): void {
    const length = this.#items.length;
    if (this.#size === length) {
      this.#items = [...this, ...new Array<undefined>(length).fill(undefined)];
      this.#head = 0;
    }
    this.#items[this.#place(this.#size)] = item;
    this.#size += 1;
  }

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Takes out an item, wherever it is. */
  remove(item: T): void {
    const items = [...this];
    const at = items.indexOf(item);
    if (at < 0) return;
    for (let later = at; later < items.length; later += 1) this.#items[this.#place(later)] = items[later + 1];
    this.#size -= 1;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = 0; at < this.#size; at += 1) yield this.#items[this.#place(at)]!;
  }

  take(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = this.#place(1);
    this.#size -= 1;
    return item;
  }

  /** Of the item that so many are before. */
  #place(before: number): number {
    return (this.#head + before) & (this.#items.length - 1);
  }
}
