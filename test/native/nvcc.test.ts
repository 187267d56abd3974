// @module-tag nightly
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { build, finish, native } from "./cuda-table.ts";

const TARGETS = ["80", "86", "89", "90", "100"];
/**
 * Of a block: each has 65536 registers at hand, and a thread at most 255 (CUDA Programming Guide, compute
 * capabilities).
 */
const MAX_REGISTERS = 255;

const folder = join(native, "src/cuda");
const kernels = readdirSync(folder).filter((name) => name.endsWith(".cu"));
const version = await finish("nvcc", ["--version"]);

/** Files and all that they include of native/src, whatever holds for an #include. */
function sourcesOf(files: readonly string[]): readonly string[] {
  const found = new Set(files);
  for (const file of found) {
    const text = readFileSync(join(native, "src", file), "utf8");
    for (const [, included] of text.matchAll(/^#include "([^"]+)"/gm))
      if (existsSync(join(native, "src", included!))) found.add(included!);
  }
  return [...found].sort();
}

/** What the compiled code depends on, so that nothing is compiled twice. */
function digest(): string {
  const hash = createHash("sha256").update(version.stdout);
  for (const file of sourcesOf(kernels.map((kernel) => `cuda/${kernel}`)))
    hash.update(readFileSync(join(native, "src", file)));
  return hash.digest("hex").slice(0, 16);
}

const logs = join(build, "nvcc", digest());
const logOf = (kernel: string) => join(logs, `${kernel}.txt`);

async function compile(kernel: string): Promise<string> {
  if (existsSync(logOf(kernel))) return "";
  const targets = TARGETS.flatMap((target) => ["-gencode", `arch=compute_${target},code=sm_${target}`]);
  const { status, stdout, stderr } = await finish("nvcc", [
    "-std=c++20",
    "-O3",
    "-Werror",
    "all-warnings",
    "--expt-relaxed-constexpr", // ops/dropout.h is for both sides
    `-I${join(native, "src")}`,
    ...targets,
    "-Xptxas",
    "-v",
    "-fatbin",
    "-o",
    join(logs, `${kernel}.fatbin`),
    join(folder, kernel),
  ]);
  if (status !== 0) return `${kernel}: ${stdout}${stderr}`;
  writeFileSync(logOf(kernel), stderr);
  return "";
}

interface Resources {
  readonly entry: string;
  readonly target: string;
  readonly stackBytes: number;
  readonly spilledBytes: number;
  readonly registers: number;
}

/** ptxas reports a line each of entry, properties and registers. */
function resources(log: string): readonly Resources[] {
  const pattern =
    /Compiling entry function '(?<entry>\w+)' for 'sm_(?<target>\d+)'[\s\S]*?(?<stack>\d+) bytes stack frame, (?<spilled>\d+) bytes spill stores[\s\S]*?Used (?<registers>\d+) registers/g;
  return [...log.matchAll(pattern)].map(({ groups = {} }) => ({
    entry: groups["entry"] ?? "",
    target: groups["target"] ?? "",
    stackBytes: Number(groups["stack"]),
    spilledBytes: Number(groups["spilled"]),
    registers: Number(groups["registers"]),
  }));
}

const without = version.status === 0 ? "" : " (skipped: Expected nvcc on the PATH, found none)";

describe.skipIf(without !== "")(`nvcc${without}`, () => {
  const errors: string[] = [];
  beforeAll(async () => {
    mkdirSync(logs, { recursive: true });
    const waiting = [...kernels];
    const work = async () => {
      for (let kernel = waiting.shift(); kernel !== undefined; kernel = waiting.shift()) {
        const error = await compile(kernel);
        if (error !== "") errors.push(error);
      }
    };
    await Promise.all([work(), work()]);
  }, 600_000);

  test("compiles every kernel for compute capability 8.0 to 10.0 without a warning", () => {
    expect(errors).toEqual([]);
    expect(kernels.filter((kernel) => !existsSync(logOf(kernel)))).toEqual([]);
  });

  test.each(kernels)("keeps %s in registers on every target", (kernel) => {
    const found = resources(readFileSync(logOf(kernel), "utf8"));
    expect([...new Set(found.map((one) => one.target))].sort()).toEqual([...TARGETS].sort());
    expect(found.filter((one) => one.spilledBytes > 0 || one.stackBytes > 0)).toEqual([]);
    expect(found.filter((one) => one.registers > MAX_REGISTERS)).toEqual([]);
  });
});
