import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cublasHeaders } from "./cublas-headers.ts";
import { finish, native } from "./cuda-table.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-cublaslt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FLAGS = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", `-I${path.join(native, "src")}`];
const source = (name: string) => path.join(native, name);
const built = (name: string) => path.join(folder, name);

async function compile(output: string, ...args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await finish("g++", [...FLAGS, ...args, "-o", output]);
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
}

const headers = cublasHeaders("cublasLt.h");
const without = headers === undefined ? " (skipped: Expected cublasLt.h in LORATWIN_CUBLASLT_INCLUDE, found none)" : "";

test.skipIf(headers === undefined)(
  `what is declared of cuBLASLt by hand is what its headers say${without}`,
  async () => {
    const includes = [`-isystem${headers}`, "-isystem/usr/local/cuda/include"];
    const { stderr } = await finish("g++", [...FLAGS, ...includes, "-fsyntax-only", source("test/cublaslt_header.cc")]);
    expect(stderr).toBe("");
  },
);

beforeAll(async () => {
  await compile(built("stand_in.so"), "-shared", "-fPIC", source("test/cublaslt_stand_in.cc"));
  const asked = ["blas_cublaslt.cc", "product_choices.cc"].map((name) => source(`src/cuda/${name}`));
  for (const program of ["products", "ways"]) {
    const linked = process.platform === "linux" ? ["-ldl"] : [];
    await compile(built(program), source(`test/cublaslt_${program}.cc`), ...asked, ...linked);
  }
}, 300_000);

/** Runs the products, or asks for their ways, with a library in cuBLASLt's place. */
async function products(variables: Readonly<Record<string, string>>, program = "products") {
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const { status, stdout } = await finish("env", [...words, built(program)]);
  const lines = stdout.trim().split("\n");
  return { status, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("over a library that does what cuBLASLt's documentation says", () => {
  const library = { LORATWIN_CUBLASLT: built("stand_in.so") };

  test("products of both directions, types and strides, with residuals, are right", async () => {
    const { status, lines } = await products(library);
    expect(lines.filter(({ ok }) => ok !== true)).toEqual([]);
    // Five shapes in three pairs of types, two more with a residual in two.
    expect(lines.length).toBe(5 * 3 + 2 * 2);
    expect(status).toBe(0);
  });

  test.each(["11400", "11605", "110902", "120604", "130000"])("version %s is taken", async (version) => {
    expect((await products({ ...library, STAND_IN_VERSION: version })).status).toBe(0);
  });

  test.each(["10204", "11103", "11300"])("version %s is refused", async (version) => {
    const { status, lines } = await products({ ...library, STAND_IN_VERSION: version });
    expect(lines).toEqual([{ error: `cuBLASLt: Expected version 11.4 or newer, got ${version}` }]);
    expect(status).toBe(1);
  });

  // What each way asks for: native/test/cublaslt_stand_in.cc.
  test("of a product's ways the fastest is found, kept and taken again", async () => {
    const { status, lines } = await products(library, "ways");
    const [version, ...answers] = lines;
    expect(version).toEqual({ library: "cuBLASLt 13.0.0" });
    expect(Object.fromEntries(answers.map(({ question, answer }) => [question, answer]))).toEqual({
      "the library's first that can be used": 2,
      "of operands that are aligned to 4 bytes": 5,
      "the fastest": 3,
      "times that a product is timed again": 0,
      "of operands that are not aligned nothing is measured": 5,
      choices: 1,
      "rows of the choice": 8,
      "a known one": 3,
      "fewer rows than a known one": 3,
      "more rows than a known one": 3,
      "another form": 2,
      "between two known ones: that of more rows": 4,
      "one that the library refuses": 2,
      "products that are kept ready of 4000": 2048,
    });
    expect(status).toBe(0);
  });

  test("a library that lacks a function is refused by the function's name", async () => {
    const file = built("lacks_matmul.so");
    await compile(file, "-shared", "-fPIC", "-DSTAND_IN_LACKS_MATMUL", source("test/cublaslt_stand_in.cc"));
    const { lines } = await products({ LORATWIN_CUBLASLT: file });
    expect(lines).toEqual([{ error: "cuBLASLt: Expected the function cublasLtMatmul, found none" }]);
  });
});

test("cuBLASLt itself is loaded, or what was looked for is said", async () => {
  const { lines } = await products({});
  const [{ error, ok }] = lines as [{ error?: string; ok?: boolean }];
  // Without a GPU it has all functions and no handle.
  if (error === undefined) expect(ok).toBe(true);
  else expect(error).toMatch(/^(cublasLtCreate: |cuBLASLt: Expected one of libcublasLt\.so\.13, .* none that loads\.)/);
});
