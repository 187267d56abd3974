import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encodeQ8 } from "../../../workbench/ship/q8.ts";

describe("numbers in Q8_0", () => {
  it("are those of gguf's own quantization: zeros, halves, subnormal scales and large ones", () => {
    let state = 1n;
    const values = Float32Array.from({ length: 4096 }, (_, i) => {
      state = (state * 1103515245n + 12345n) % 2n ** 31n;
      return (Number(state) / 2 ** 31 - 0.5) * 2 ** ((Math.floor(i / 32) % 40) - 20);
    });
    values.fill(0, 64, 96);
    values[96] = -127;
    values.fill(0.5, 97, 128);
    values[98] = -2.5;
    // sha256 of what quantize(values, Q8_0) of gguf 0.19.0 gives.
    const theirs = "1a738a87bea0a5424d06d9eda30cc6b7085bf89ddc25ec63a4036961112f7b18";
    expect(createHash("sha256").update(encodeQ8(values)).digest("hex")).toBe(theirs);
  });
});
