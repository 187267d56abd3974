import { writeAll, writeWholeFile } from "../../files/index.ts";
import { ELEMENT_BYTES } from "./float-formats.ts";

/** A tensor whose bytes are made when it is their turn. */
export interface TensorPieces {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  /** All of its little-endian bytes, in pieces. */
  readonly pieces: () => Iterable<Uint8Array>;
}

/**
 * Writes a safetensors file of any size in the memory of its largest piece: tensors in the order that is given, the
 * header padded with spaces so that the data starts at a multiple of 8. It appears under its name only when it is whole.
 */
export function writePiecesOfTensors(
  file: string,
  tensors: readonly TensorPieces[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = {};
  const keys = Object.keys(metadata).toSorted();
  if (keys.length > 0) header["__metadata__"] = Object.fromEntries(keys.map((key) => [key, metadata[key]]));
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    const end = offset + shape.reduce((product, size) => product * size, ELEMENT_BYTES[type] ?? 0);
    header[name] = { dtype: type, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, 8);
  writeWholeFile(file, (descriptor) => {
    writeAll(descriptor, head);
    for (const { pieces } of tensors) for (const piece of pieces()) writeAll(descriptor, piece);
  });
}
