import { spawnSync } from "node:child_process";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { findGpu, findMachine, programEnvironment } from "../../gpu/machine.ts";
import { packageFile } from "../../workbench/package-file.ts";

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
