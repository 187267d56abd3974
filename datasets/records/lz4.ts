// LZ4, as its block and frame formats have it (github.com/lz4/lz4, doc/lz4_Block_format.md and lz4_Frame_format.md).

const FRAME_MAGIC = 0x184d2204;
/** The shortest copy. */
const LEAST_COPY = 4;

function damaged(): RangeError {
  return new RangeError("LZ4 that is damaged");
}

/** Unpacks a block behind what has been unpacked before, to which it may refer. Where its bytes end. */
function unpackBlock(input: Uint8Array, output: Uint8Array, from: number): number {
  let [at, to] = [0, from];
  const longer = (length: number): number => {
    if (length < 15) return length;
    for (let sum = length; ; ) {
      const more = input[at++];
      if (more === undefined) throw damaged();
      sum += more;
      if (more < 255) return sum;
    }
  };
  while (at < input.length) {
    const token = input[at++]!;
    const literals = longer(token >> 4);
    if (at + literals > input.length || to + literals > output.length) throw damaged();
    output.set(input.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === input.length) return to;
    const offset = input[at]! | ((input[at + 1] ?? 0) << 8);
    at += 2;
    const length = longer(token & 15) + LEAST_COPY;
    if (offset === 0 || offset > to || to + length > output.length) throw damaged();
    // What is copied may be what the copy writes.
    if (offset >= length) output.copyWithin(to, to - offset, to - offset + length);
    else for (let copied = to; copied < to + length; copied += 1) output[copied] = output[copied - offset]!;
    to += length;
  }
  return to;
}

/** A block that unpacks to so many bytes. @throws RangeError for one that does not */
export function unpackLz4Block(input: Uint8Array, bytes: number): Uint8Array {
  const output = new Uint8Array(bytes);
  if (unpackBlock(input, output, 0) !== bytes) throw damaged();
  return output;
}

/** A frame that unpacks to so many bytes; its checksums are not looked at. @throws RangeError for one that does not */
export function unpackLz4Frame(input: Uint8Array, bytes: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const output = new Uint8Array(bytes);
  if (input.length < 7 || view.getUint32(0, true) !== FRAME_MAGIC) throw damaged();
  const flags = input[4]!;
  const [hasBlockSums, hasSize, hasDictionary] = [flags & 0x10, flags & 0x08, flags & 0x01].map(Boolean);
  // Magic, flags, block size and header checksum.
  let at = 7 + (hasSize === true ? 8 : 0) + (hasDictionary === true ? 4 : 0);
  let to = 0;
  for (;;) {
    if (at + 4 > input.length) throw damaged();
    const size = view.getUint32(at, true);
    at += 4;
    if (size === 0) break;
    const end = at + (size & 0x7fffffff);
    const block = input.subarray(at, end);
    if (end > input.length) throw damaged();
    if (size >>> 31 === 0) to = unpackBlock(block, output, to);
    else if (to + block.length > bytes) throw damaged();
    else {
      output.set(block, to);
      to += block.length;
    }
    at = end + (hasBlockSums === true ? 4 : 0);
  }
  if (to !== bytes) throw damaged();
  return output;
}
