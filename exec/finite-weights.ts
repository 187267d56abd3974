import { InputError } from "../core/index.ts";

/** The exponent of a bfloat16 that is infinite or no number. */
const EXPONENT = 0x7f80;

function refuse(name: string, at: number, got: string, file: string): never {
  throw new InputError({
    expected: "finite weights",
    at: `${name}[${at}]`,
    got,
    file,
    hint: "Every loss would be no number. Download or make the file again.",
  });
}

/** Where the first value is that is infinite or no number; undefined where all are finite. */
export function firstNotFinite(values: Float32Array): number | undefined {
  // One sum tells for all: a product with 0 is 0 for finite values, and no number for all others.
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum += values[at]! * 0;
  return sum === 0 ? undefined : values.findIndex((value) => !Number.isFinite(value));
}

/** @throws InputError with the first value that is infinite or no number */
export function checkFinite(name: string, values: Float32Array, file: string): void {
  const at = firstNotFinite(values);
  if (at !== undefined) refuse(name, at, String(values[at]), file);
}

/** The same of the stored bits of bfloat16. */
export function checkFiniteBits(name: string, bits: Uint16Array, file: string): void {
  for (let at = 0; at < bits.length; at += 1)
    if ((bits[at]! & EXPONENT) === EXPONENT) refuse(name, at, (bits[at]! & 0x7f) === 0 ? "Infinity" : "NaN", file);
}
