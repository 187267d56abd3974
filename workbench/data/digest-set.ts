/** 32-bit words of a digest that are kept: 128 bits, of which no two in 2^24 rows agree by chance. */
const WORDS = 4;
const FIRST_SLOTS = 1024;

/** Digests, 16 bytes each, in a table that is at most two thirds full. */
export class DigestSet {
  #table = new Uint32Array(FIRST_SLOTS * WORDS);
  #size = 0;

  /** Adds a digest of at least 32 hex digits. Whether it was there before. */
  add(hex: string): boolean {
    const words = Array.from({ length: WORDS }, (_, word) => Number.parseInt(hex.slice(8 * word, 8 * word + 8), 16));
    // A slot of zeros is free.
    if (isFree(words, 0)) words[0] = 1;
    if (put(this.#table, words)) return true;
    this.#size += 1;
    if (3 * this.#size * WORDS > 2 * this.#table.length) this.#grow();
    return false;
  }

  #grow(): void {
    const before = this.#table;
    this.#table = new Uint32Array(2 * before.length);
    for (let at = 0; at < before.length; at += WORDS) {
      const words = before.subarray(at, at + WORDS);
      if (!isFree(words, 0)) put(this.#table, words);
    }
  }
}

function isFree(table: ArrayLike<number>, at: number): boolean {
  for (let word = 0; word < WORDS; word += 1) if (table[at + word] !== 0) return false;
  return true;
}

/** Whether the words were there; else they are now. The number of slots is a power of two. */
function put(table: Uint32Array, words: ArrayLike<number>): boolean {
  const slots = table.length / WORDS;
  for (let slot = words[0]! & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const at = slot * WORDS;
    if (isFree(table, at)) {
      table.set(words, at);
      return false;
    }
    let word = 0;
    while (word < WORDS && table[at + word] === words[word]) word += 1;
    if (word === WORDS) return true;
  }
}
