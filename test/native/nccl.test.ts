import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { finish, native } from "./cuda-table.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-nccl-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FLAGS = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", `-I${path.join(native, "src")}`];
const source = (name: string) => path.join(native, name);
const built = (name: string) => path.join(folder, name);

async function compile(output: string, ...args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await finish("g++", [...FLAGS, ...args, "-o", output]);
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
}

/** LORATWIN_NCCL_INCLUDE, where NCCL's header is, or where its packages put it; CUDA's headers are beside it or here. */
const INCLUDES = [process.env["LORATWIN_NCCL_INCLUDE"] ?? "", "/usr/local/cuda/include", "/usr/include"];
const headers = INCLUDES.find((include) => include !== "" && existsSync(path.join(include, "nccl.h")));
const without = headers === undefined ? " (skipped: Expected nccl.h in LORATWIN_NCCL_INCLUDE, found none)" : "";

test.skipIf(headers === undefined)(`what is declared of NCCL by hand is what its header says${without}`, async () => {
  const includes = [`-isystem${headers}`, "-isystem/usr/local/cuda/include"];
  const { stderr } = await finish("g++", [...FLAGS, ...includes, "-fsyntax-only", source("test/nccl_header.cc")]);
  expect(stderr).toBe("");
});

describe("loading NCCL", () => {
  beforeAll(async () => {
    const linked = process.platform === "linux" ? ["-ldl"] : [];
    await compile(built("library"), source("test/nccl_library.cc"), source("src/cuda/nccl_library.cc"), ...linked);
    await compile(built("stand_in.so"), "-shared", "-fPIC", source("test/nccl_stand_in.cc"));
    await compile(built("lacks.so"), "-shared", "-fPIC", "-DSTAND_IN_LACKS_RECV", source("test/nccl_stand_in.cc"));
  }, 300_000);

  async function loaded(variables: Readonly<Record<string, string>>): Promise<unknown> {
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const { stdout } = await finish("env", [...words, built("library")]);
    return JSON.parse(stdout);
  }

  test("takes versions from 2.17 on and says which it is", async () => {
    const library = (version: string) => loaded({ LORATWIN_NCCL: built("stand_in.so"), STAND_IN_VERSION: version });
    expect(await library("21701")).toEqual({ library: "NCCL 2.17.1" });
    expect(await library("23007")).toEqual({ library: "NCCL 2.30.7" });
    expect(await library("21602")).toEqual({ error: "NCCL: Expected version 2.17 or newer, got NCCL 2.16.2" });
  });

  test("says why there is none", async () => {
    expect(await loaded({ LORATWIN_NCCL: "0" })).toEqual({ error: "NCCL: LORATWIN_NCCL is 0" });
    expect(await loaded({ LORATWIN_NCCL: "/nowhere/libnccl.so" })).toEqual({
      error: expect.stringMatching(/^NCCL: Expected \/nowhere\/libnccl\.so, found none that loads\. Hint: /),
    });
    expect(await loaded({ LORATWIN_NCCL: built("lacks.so"), STAND_IN_VERSION: "22105" })).toEqual({
      error: "NCCL: Expected the function ncclRecv, found none",
    });
  });

  test("finds NCCL itself where it is, or says what was looked for", async () => {
    const found = (await loaded({})) as { readonly library?: string; readonly error?: string };
    expect(found.library ?? found.error).toMatch(/^NCCL(: Expected libnccl\.so\.2, | \d+\.\d+\.\d+$)/);
  });
});
