import type { Automaton, Position } from "./automaton.ts";

/** The bytes of all tokens as a tree, its nodes in the order in which a walk through it meets them. */
export class Vocabulary {
  readonly #size: number;
  readonly #bytes: readonly (string | undefined)[];
  /** Of each node, its byte, how many are above it, and the node behind all that are below it. */
  readonly #byte: Uint8Array;
  readonly #depth: Uint16Array;
  readonly #behind: Int32Array;
  /** Tokens that end at a node: `#tokens` from `#first` of the node on up to that of the next one. */
  readonly #first: Int32Array;
  readonly #tokens: Int32Array;

  /** `bytes`: of each token as characters below U+0100; undefined of those that no text has. */
  constructor(bytes: readonly (string | undefined)[], size: number) {
    this.#size = size;
    this.#bytes = bytes;
    const given: number[] = [];
    for (let id = 0; id < Math.min(size, bytes.length); id += 1) if ((bytes[id] ?? "") !== "") given.push(id);
    given.sort((a, b) => (bytes[a]! < bytes[b]! ? -1 : bytes[a]! > bytes[b]! ? 1 : a - b));
    const [byte, depth, first]: [number[], number[], number[]] = [[], [], []];
    let before = "";
    given.forEach((id, index) => {
      const own = bytes[id]!;
      let shared = 0;
      while (shared < before.length && own[shared] === before[shared]) shared += 1;
      for (let at = shared; at < own.length; at += 1) {
        byte.push(own.charCodeAt(at));
        depth.push(at);
        first.push(at === own.length - 1 ? index : -1);
      }
      before = own;
    });
    this.#byte = Uint8Array.from(byte);
    this.#depth = Uint16Array.from(depth);
    this.#tokens = Int32Array.from(given);
    this.#first = new Int32Array(byte.length + 1).fill(given.length);
    // A node at which nothing ends has no tokens: its first is that of the node behind it.
    for (let node = byte.length - 1; node >= 0; node -= 1)
      this.#first[node] = first[node]! >= 0 ? first[node]! : this.#first[node + 1]!;
    this.#behind = new Int32Array(byte.length);
    const open: number[] = [];
    depth.forEach((own, node) => {
      while (open.length > own) this.#behind[open.pop()!] = node;
      open.push(node);
    });
    for (const node of open) this.#behind[node] = byte.length;
  }

  /** The tokens that may come, as bits. @throws InputError as `Automaton.step` does */
  allowed(automaton: Automaton, from: Position): { readonly bits: Uint32Array; readonly count: number } {
    const bits = new Uint32Array(Math.ceil(this.#size / 32));
    const at: Position[] = [from];
    let count = 0;
    for (let node = 0; node < this.#byte.length; ) {
      const depth = this.#depth[node]!;
      const next = automaton.step(at[depth]!, this.#byte[node]!);
      if (next === null) {
        node = this.#behind[node]!;
        continue;
      }
      at[depth + 1] = next;
      const end = this.#first[node + 1]!;
      for (let index = this.#first[node]!; index < end; index += 1) {
        const token = this.#tokens[index]!;
        bits[token >>> 5]! |= 1 << (token & 31);
        count += 1;
      }
      node += 1;
    }
    return { bits, count };
  }

  /** Where a text is behind a token; null where it may not come. */
  step(automaton: Automaton, from: Position, token: number): Position | null {
    let at: Position | null = from;
    for (const byte of this.#bytes[token] ?? "") {
      if (at === null) return null;
      at = automaton.step(at, byte.charCodeAt(0));
    }
    return at;
  }
}
