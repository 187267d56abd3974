// The headers of a Parquet column's pages (parquet.thrift, PageHeader), in Thrift's compact protocol. hyparquet follows
// them wherever they lead.

/** By field, numbers and structs; fields of other kinds are passed over. */
type Struct = Map<number, number | Struct>;

const KINDS = { byte: 3, double: 7, binary: 8, list: 9, set: 10, struct: 12 } as const;

class Headers {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #varint(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.#bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }

  #value(kind: number): number | Struct | undefined {
    if (kind === KINDS.struct) return this.struct();
    if (kind > KINDS.byte && kind < KINDS.double) {
      const zigzag = this.#varint();
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    if (kind === KINDS.byte) this.at += 1;
    else if (kind === KINDS.double) this.at += 8;
    else if (kind === KINDS.binary) {
      const bytes = this.#varint();
      this.at += bytes;
    } else if (kind === KINDS.list || kind === KINDS.set) {
      const head = this.#bytes.readUInt8(this.at++);
      const count = head >> 4 === 15 ? this.#varint() : head >> 4;
      // A flag takes a byte in a list.
      for (let index = 0; index < count; index += 1) this.#value(Math.max(head & 15, KINDS.byte));
    } else if (kind > KINDS.byte) throw new RangeError("a page header of no known form");
    return undefined;
  }

  /** @throws RangeError for what does not end */
  struct(): Struct {
    const fields: Struct = new Map();
    for (let field = 0; ; ) {
      const head = this.#bytes.readUInt8(this.at++);
      if (head === 0) return fields;
      field = head >> 4 === 0 ? (this.#value(5) as number) : field + (head >> 4);
      const value = this.#value(head & 15);
      if (value !== undefined) fields.set(field, value);
    }
  }
}

/** The headers of pages of data, of dictionaries and of data of version 2, each with its number of values first. */
const PAGE_KINDS = [5, 7, 8] as const;

/** Checks the pages of a column chunk that says it has so many values. @throws RangeError */
export function checkPages(chunk: Buffer, mostPageBytes: number, mostValues: number): void {
  const headers = new Headers(chunk);
  // As hyparquet ends.
  for (let values = 0; headers.at < chunk.length - 1; ) {
    const page = headers.struct();
    const [unpacked, packed] = [page.get(2), page.get(3)];
    const isSize = (bytes: unknown, most: number): boolean => typeof bytes === "number" && bytes >= 0 && bytes <= most;
    if (!isSize(packed, chunk.length - headers.at) || !isSize(unpacked, mostPageBytes))
      throw new RangeError(`a page of ${packed} bytes, unpacked ${unpacked}`);
    for (const kind of PAGE_KINDS) {
      const count = (page.get(kind) as Struct | undefined)?.get(1) ?? 0;
      values += count as number;
      if (!isSize(count, mostValues) || values > 2 * mostValues) throw new RangeError(`a page of ${count} values`);
    }
    headers.at += packed as number;
  }
}
