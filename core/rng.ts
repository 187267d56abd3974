/** A seeded stream of random numbers; equal seeds give equal streams on every machine. */
export interface Rng {
  /** Uniform in 0 .. 2^32 - 1. */
  nextUint32(): number;
  /** Uniform in [0, 1), 53 bits. */
  nextFloat(): number;
  /** Uniform in 0 .. bound - 1, without bias (rejection). */
  nextInt(bound: number): number;
  /** Standard normal, Box-Muller, one value a call. */
  nextNormal(): number;
}

function hashText(text: string): number {
  let hash = 0x811c9dc5; // FNV-1a, 32 bit
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** xoshiro128** (Blackman and Vigna 2018), its state filled by splitmix32; a text seed is hashed by FNV-1a first. */
export function createRng(seed: number | string): Rng {
  let mixer = typeof seed === "string" ? hashText(seed) : (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  const splitmix = (): number => {
    mixer = (mixer + 0x9e3779b9) >>> 0;
    let z = mixer;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const rotl = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;
  const nextUint32 = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b = (b ^ c) >>> 0;
    a = (a ^ d) >>> 0;
    c = (c ^ t) >>> 0;
    d = rotl(d >>> 0, 11);
    return result;
  };
  const nextFloat = (): number => ((nextUint32() >>> 5) * 2 ** 26 + (nextUint32() >>> 6)) / 2 ** 53;
  return {
    nextUint32,
    nextFloat,
    nextInt(bound) {
      // 2^32 % bound, in 32 bits.
      const limit = 2 ** 32 - (((2 ** 32 - bound) >>> 0) % bound);
      let value = nextUint32();
      while (value >= limit) value = nextUint32();
      return value % bound;
    },
    nextNormal: () => Math.sqrt(-2 * Math.log(1 - nextFloat())) * Math.cos(2 * Math.PI * nextFloat()),
  };
}
