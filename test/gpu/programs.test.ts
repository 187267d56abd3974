// @module-tag nightly

import { spawnSync } from "node:child_process";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
import { findGpu, findMachine, programEnvironment } from "../../gpu/machine.ts";
import type { Result } from "../../gpu/summary.ts";
import { build, buildTargets } from "../native/cuda-table.ts";

const machine = findMachine();
const folder = packageFile("native", "build", "gpu-test");
const without = machine.nvcc === undefined ? " (skipped: Expected nvcc, found none)" : "";

function run(program: string, ...args: readonly string[]) {
  return spawnSync(program, args, { encoding: "utf8", env: programEnvironment(machine) });
}

describe.skipIf(without !== "")(`the programs that npm run gpu builds${without}`, () => {
  beforeAll(() => {
    const source = packageFile("gpu", "programs");
    for (const args of [
      ["-S", source, "-B", folder, "-DCMAKE_CUDA_ARCHITECTURES=90"],
      ["--build", folder, "-j", "2"],
    ]) {
      const { status, stdout, stderr } = run("cmake", ...args);
      if (status !== 0) throw new Error(`cmake ${args.join(" ")}\n${stdout}${stderr}`);
    }
  }, 600_000);

  test.skipIf(findGpu() !== undefined).each([
    ["gpu_table", []],
    ["gpu_table", ["lora", "--exact"]],
    ["gpu_bench", ["kernels"]],
    ["gpu_bench", ["peaks"]],
    ["gpu_bench", ["products"]],
  ])("%s %j exits 3 where there is no GPU", (program, args) => {
    const { status, stdout, stderr } = run(path.join(folder, program), ...args);
    expect(status).toBe(3);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^Expected a CUDA device, got /);
  });

  test("gpu_bench refuses what it does not know", () => {
    expect(run(path.join(folder, "gpu_bench"), "all").status).toBe(2);
  });
});

describe("what gpu_bench times, at a small shape on the emulation, every access checked", () => {
  beforeAll(() => buildTargets("emulated_bench"), 600_000);

  function lines(part: string): readonly Result[] {
    const { status, stdout, stderr } = run(path.join(build, "emulated_bench"), part);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Result);
  }

  test("a copy and a large product come first, since floors need their rates", () => {
    expect(lines("peaks").map(({ kind }) => kind)).toEqual(["bandwidth", "matmul"]);
  });

  test("products are those of the executor: into the residual stream too, and with weights of 8 and 4 bits", () => {
    const all = lines("products");
    const names = all.map(({ name }) => name);
    for (const name of ["o, float32, residual", "down, float32, residual", "qkv, float32, backward"])
      expect(names).toContain(name);
    for (const format of ["nf4", "int8"])
      for (const direction of ["", ", backward"]) expect(names).toContain(`gate and up, ${format}${direction}`);
    const bytesOf = (name: string) => all.find((line) => line["name"] === name)!["bytes"] as number;
    // 48 rows of 64: y in four bytes instead of two, and as many of the residual.
    expect(bytesOf("o, float32, residual") - bytesOf("o")).toBe(48 * 64 * (2 + 4));
    expect(bytesOf("gate and up, nf4")).toBeLessThan(bytesOf("gate and up, int8"));
    expect(new Set(names).size).toBe(names.length);
  });

  test("kernels get every case that training has", () => {
    const all = lines("kernels");
    const linesOf = (name: string) => all.filter((line) => line["name"] === name);
    for (const name of ["attention", "attention_backward"]) {
      const cases = linesOf(name).slice(1);
      for (const headDim of [8, 16])
        expect(cases.filter((line) => line["headDim"] === headDim).map(({ length }) => length)).toEqual([
          8, 24, 72, 144,
        ]);
      // The same number of tokens, so the same bytes, and operations by the rows' length.
      expect(new Set(cases.map((line) => Number(line["sequences"]) * Number(line["length"]))).size).toBe(1);
      const [short, long] = [cases[0]!, cases[1]!];
      expect(long["bytes"]).toBe(short["bytes"]);
      expect(long["operations"]).toBe(3 * Number(short["operations"]));
    }
    for (const name of ["lora_xa", "lora_sb", "lora_dyb", "lora_dsa", "lora_dsx_dys"])
      expect(linesOf(name).map(({ projections }) => projections)).toEqual(["o", "q, k, v", "gate, up"]);
    expect(linesOf("dequantize").map(({ format, direction }) => `${format} ${direction}`)).toEqual([
      "nf4 forward",
      "nf4 backward",
      "int8 forward",
      "int8 backward",
    ]);
    for (const name of ["attention of wide heads", "attention_backward of wide heads"]) {
      const [all144, window24] = linesOf(name);
      expect([all144!["window"], window24!["window"]]).toEqual([undefined, 24]);
      expect(window24!["bytes"]).toBe(all144!["bytes"]);
      // Of 144 tokens each sees 72 on average, or 24 but for the first 24.
      const share = Number(window24!["operations"]) / Number(all144!["operations"]);
      expect(share).toBeCloseTo((144 * 24 - (24 * 23) / 2) / ((144 * 144) / 2), 6);
    }
    for (const name of ["head_norm", "head_norm_backward"])
      expect(linesOf(name).map(({ over }) => over)).toEqual(["head", "row"]);
    for (const name of ["rmsnorm", "rmsnorm_backward"])
      expect(linesOf(name).map(({ into }) => into)).toEqual([undefined, "stream"]);
    expect(linesOf("temperature")).toHaveLength(1);
    expect(linesOf("cached_attention").map(({ sequences, length }) => [sequences, length])).toEqual([
      [18, 8],
      [1, 144],
    ]);
    // One input for three products of LoRA: read once.
    const [one, three] = linesOf("lora_xa");
    expect(three!["bytes"]).toBe(one!["bytes"]);
    expect(three!["operations"]).toBe(3 * Number(one!["operations"]));
  });
});
