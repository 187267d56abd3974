/** Numbers in a row that grows; what has been taken is not held any more. */
export class Column<A extends Float64Array | Int32Array | Uint8Array | Uint32Array> {
  readonly #create: (length: number) => A;
  #values: A;
  #length = 0;

  constructor(create: (length: number) => A) {
    this.#create = create;
    this.#values = create(0);
  }

  /** Makes room for so many more. */
  reserve(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#values.length) return;
    const values = this.#create(Math.max(wanted, 2 * this.#length));
    values.set(this.#values.subarray(0, this.#length) as never);
    this.#values = values;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) this.reserve(Math.max(16, this.#length));
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  get length(): number {
    return this.#length;
  }

  take(): A {
    const values = this.#length === this.#values.length ? this.#values : (this.#values.slice(0, this.#length) as A);
    this.#values = this.#create(0);
    this.#length = 0;
    return values;
  }
}

export const float64 = (length: number): Float64Array => new Float64Array(length);
export const int32 = (length: number): Int32Array => new Int32Array(length);
export const uint32 = (length: number): Uint32Array => new Uint32Array(length);
export const uint8 = (length: number): Uint8Array => new Uint8Array(length);
