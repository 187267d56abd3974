import { ZSTDDecoder } from "zstddec/stream";

/** Node has it, and its types for Node 20 have not. */
declare const WebAssembly: {
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

/** Of Zstandard's own library (lib/zstd.h), in a memory of its own. Pointers and sizes have 32 bits. */
interface Library {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly malloc: (bytes: number) => number;
  readonly ZSTD_createDCtx: () => number;
  readonly ZSTD_decompressStream: (context: number, output: number, input: number) => number;
}

/** Takes the library from zstddec, whose own calls of it pass over errors and give no memory back after one. */
async function loadLibrary(): Promise<object> {
  let module: object | undefined;
  class Keeper extends ZSTDDecoder {
    override _init = (loaded: { readonly module: object }): void => {
      module = loaded.module;
    };
  }
  await new Keeper().init();
  return module!;
}

/** Errors that a file can be the reason of (lib/zstd_errors.h); by itself the library takes windows of up to 128 MiB. */
const ERRORS: Readonly<Record<number, string>> = {
  10: "bytes that begin no frame",
  16: `a window of more than ${2 ** 27} bytes`,
  22: "content that does not match its checksum",
  32: "a dictionary of its own",
};

function damaged(what: string): RangeError {
  return new RangeError(`Zstandard with ${what}`);
}

/** Bytes that are given to the library at once, and that it gives. */
const PIECE = 2 ** 17;
/** Of ZSTD_inBuffer and ZSTD_outBuffer: pointer, size, position. */
const BUFFER_BYTES = 12;

/** Unpacks frames one after another; its memory is for one window, and goes with it. */
class Unpacker {
  readonly #library: Library;
  readonly #context: number;
  /** Pointers to both buffers, and to the bytes of each behind it. */
  readonly #input: number;
  readonly #output: number;
  /** Whether the last frame has come to its end. */
  isWhole = true;

  constructor(module: object) {
    const imports = { env: { emscripten_notify_memory_growth: () => {} } };
    this.#library = new WebAssembly.Instance(module, imports).exports as Library;
    this.#context = this.#library.ZSTD_createDCtx();
    this.#input = this.#library.malloc(BUFFER_BYTES + PIECE);
    this.#output = this.#library.malloc(BUFFER_BYTES + PIECE);
  }

  /** @throws RangeError for what is damaged */
  *unpack(packed: Uint8Array): Generator<Buffer> {
    for (let at = 0; at < packed.length; at += PIECE) yield* this.#unpackPiece(packed.subarray(at, at + PIECE));
  }

  *#unpackPiece(piece: Uint8Array): Generator<Buffer> {
    const { memory, ZSTD_decompressStream } = this.#library;
    new Uint8Array(memory.buffer).set(piece, this.#input + BUFFER_BYTES);
    this.#begin(this.#input, piece.length);
    for (let [taken, given] = [0, PIECE]; taken < piece.length || (given === PIECE && !this.isWhole); ) {
      this.#begin(this.#output, PIECE);
      const left = ZSTD_decompressStream(this.#context, this.#output, this.#input);
      if (left < 0) throw damaged(ERRORS[-left] ?? "damage");
      this.isWhole = left === 0;
      [taken, given] = [this.#positionOf(this.#input), this.#positionOf(this.#output)];
      const start = this.#output + BUFFER_BYTES;
      if (given > 0) yield Buffer.from(memory.buffer.slice(start, start + given));
    }
  }

  #begin(buffer: number, bytes: number): void {
    new Uint32Array(this.#library.memory.buffer, buffer, 3).set([buffer + BUFFER_BYTES, bytes, 0]);
  }

  #positionOf(buffer: number): number {
    return new Uint32Array(this.#library.memory.buffer, buffer, 3)[2]!;
  }
}

let loading: Promise<object> | undefined;

/** What frames unpack to, one after another. @throws RangeError for damaged ones */
export async function* unpackZstandard(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  loading ??= loadLibrary();
  const unpacker = new Unpacker(await loading);
  for await (const piece of pieces) yield* unpacker.unpack(piece);
  if (!unpacker.isWhole) throw damaged("an end inside a frame");
}

/** What unpacks frames that give so many bytes. @throws RangeError for those that do not */
export async function zstandardInto(): Promise<(packed: Uint8Array, bytes: number) => Uint8Array> {
  loading ??= loadLibrary();
  const module = await loading;
  let kept: Unpacker | undefined;
  return (packed, bytes) => {
    const unpacker = kept ?? new Unpacker(module);
    // One that has found damage is not asked again.
    kept = undefined;
    const output = new Uint8Array(bytes);
    let given = 0;
    for (const piece of unpacker.unpack(packed)) {
      if (given + piece.length > bytes) throw damaged(`more than ${bytes} bytes`);
      output.set(piece, given);
      given += piece.length;
    }
    if (!unpacker.isWhole || given !== bytes) throw damaged(`${given} bytes in place of ${bytes}`);
    kept = unpacker;
    return output;
  };
}
