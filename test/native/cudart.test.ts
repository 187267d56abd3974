import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { finish, native } from "./cuda-table.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-cudart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = path.join(folder, "calls");

const SOURCES = [
  "test/cudart_calls.cc",
  "test/cudart_stand_in.cc",
  "test/cudart_kernel.cu",
  "src/cuda/driver_cudart.cc",
  "src/runtime/cuda/graphs.cc",
  "src/runtime/memory.cc",
];

const { status: found } = await finish("nvcc", ["--version"]);
const without = found === 0 ? "" : " (skipped: Expected nvcc on the PATH, found none)";

describe.skipIf(without !== "")(`over a stand-in for the CUDA runtime${without}`, () => {
  beforeAll(async () => {
    const flags = ["-std=c++20", "-O1", "-Xcompiler=-Wall,-Wextra,-Werror", "-gencode", "arch=compute_80,code=sm_80"];
    const files = SOURCES.map((name) => path.join(native, name));
    const folders = ["src", "test"].map((name) => `-I${path.join(native, name)}`);
    const { status, stdout, stderr } = await finish(
      "nvcc",
      [...flags, ...folders, "-cudart", "none", ...files, "-o", program],
      600_000,
    );
    if (status !== 0) throw new Error(`${stdout}${stderr}`);
  }, 600_000);

  test.each([
    ["with 32 hardware queues", ["-u", "CUDA_DEVICE_MAX_CONNECTIONS"], "32"],
    ["with as many as the user says", ["CUDA_DEVICE_MAX_CONNECTIONS=8"], "8"],
  ])("shared memory and graphs are asked for as they should be, %s", async (_, environment, connections) => {
    const { status, stdout } = await finish("env", [...environment, program, connections]);
    const lines = stdout.trim().split("\n");
    const broken = lines
      .map((line) => JSON.parse(line) as { readonly case: string; readonly ok: boolean })
      .filter(({ ok }) => !ok);
    expect({ status, broken, count: lines.length }).toEqual({ status: 0, broken: [], count: 14 });
  });
});
