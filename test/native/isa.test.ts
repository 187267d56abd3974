import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { nativeInfo } from "../../exec/index.ts";
import { build, buildTargets } from "./cuda-table.ts";
import { hasAvx512Bf16 } from "./processor.ts";

interface Peak {
  readonly parameters: { readonly dtype: string };
  readonly value: number;
}

/** What a processor has is not all that is taken: pairs of bfloat16s only where they are fast. */
describe.runIf(hasAvx512Bf16)("the instruction set on a processor with AVX512_BF16", () => {
  beforeAll(() => buildTargets("kernel_bench"), 600_000);

  test("is the one that multiplies bfloat16s fastest", () => {
    const options = ["--peak", "--threads", "1", "--repetitions", "3"];
    const lines = execFileSync(join(build, "kernel_bench"), options, { encoding: "utf8" }).trim().split("\n");
    const rates = new Map(
      lines.map((line) => JSON.parse(line) as Peak).map((peak) => [peak.parameters.dtype, peak.value]),
    );
    const floats = rates.get("float32")!;
    const { isa } = nativeInfo();
    expect(["avx512", "avx512bf16", "amx-bf16"]).toContain(isa);
    if (isa === "avx512") {
      expect(rates.has("bfloat16")).toBe(false);
    } else {
      expect(rates.get("bfloat16")).toBeGreaterThan(floats * (isa === "amx-bf16" ? 2 : 0.75));
    }
  });
});
