import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { CATALOG, gpuKernels, type LayersCalibration } from "../../plan/index.ts";
import { cublasHeaders } from "../native/cublas-headers.ts";
import { finish, native } from "../native/cuda-table.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const source = path.join(native, "../calibration/kernel_times.cu");
const program = path.join(root, "kernel_times");

async function compile(...args: readonly string[]): Promise<void> {
  const warnings = ["-Xcompiler=-Wall,-Wextra,-Werror", "-Werror", "all-warnings"];
  const { status, stdout, stderr } = await finish("nvcc", [...warnings, ...args, source]);
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
}

const { status: found } = await finish("nvcc", ["--version"]);
const without = found === 0 ? "" : " (skipped: Expected nvcc on the PATH, found none)";
const headers = cublasHeaders("cublas_v2.h");
const withoutBlas = headers === undefined ? " (skipped: Expected cublas_v2.h, found none)" : "";

it.skipIf(without !== "" || headers === undefined)(
  `the program of --script cuda is compiled by nvcc with cuBLAS, also as C++14${without || withoutBlas}`,
  async () => {
    const library = ["lib", "lib64"]
      .map((name) => path.join(headers!, "..", name))
      .find((folder) => existsSync(path.join(folder, "libcublas.so")));
    const output = ["-o", path.join(root, "compiled")];
    await compile("-c", "-std=c++14", `-I${headers}`, ...output);
    if (library !== undefined) await compile("-O2", `-I${headers}`, `-L${library}`, "-lcublas", ...output);
  },
);

describe.skipIf(without !== "")(`the program of --script cuda, over stand-ins for CUDA and cuBLAS${without}`, () => {
  beforeAll(async () => {
    const checked = ["-std=c++20", "-O1", "-Xcompiler=-fsanitize=address", "-cudart", "none"];
    const [test, runtime] = [path.join(native, "test"), path.join(native, "test/cudart_stand_in.cc")];
    await compile(...checked, `-I${path.join(test, "cublas")}`, `-I${test}`, runtime, "-o", program);
  });

  /** A model of a few features. */
  const SMALL = "--seconds 0.01 --hidden 16 --heads 2 --kv-heads 1".split(" ");
  const run = (...args: readonly string[]) => finish("env", ["-C", root, program, ...args]);
  const rowsOf = (name: string): readonly (readonly string[])[] =>
    readFileSync(path.join(root, name), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(","));

  it("times a model's products into a table like the Python program's, and says what it leaves out", async () => {
    const { status, stdout, stderr } = await run(...SMALL, "--inner", "24", "--gpu", "H100 SXM", "-o", "small.csv");
    expect(stderr).toBe("Attention and collectives are left as loratwin's catalog has them: products are timed.\n");
    expect(stdout).toMatch(/\n.+ product +8192, 16, 48: \S+ ms\nsmall\.csv: `loratwin calibrate --from small\.csv`/);
    expect(status).toBe(0);
    const [columns, ...rows] = rowsOf("small.csv");
    const python = await printed(["calibrate", "--script"], root);
    expect(columns).toEqual(/^COLUMNS = "(.+)"\.split\(\)$/m.exec(python)![1]!.split(" "));
    const shapes = ["32,16", "16,16", "48,16", "16,24", "16,48"];
    const sizes = ["512", "2048", "8192"].flatMap((tokens) => shapes.map((shape) => `${tokens},${shape}`.split(",")));
    const empty = Array.from({ length: 8 }, () => "");
    expect(rows).toEqual(
      sizes.map((size) => ["H100 SXM", "product", ...size, ...empty, expect.stringMatching(/^\d+\.\d+/), "1"]),
    );
  });

  it("is what --from goes by, which has the rest from the catalog", async () => {
    const { code, stdout, stderr } = await runCli(["calibrate", "--from", "small.csv", "-o", "k.json"], root);
    expect(stderr).toMatch(/^Warning: products take \d+ times what the catalog says of H100 SXM: are they its/);
    expect(stdout).toMatch(/^15 kernels timed on H100 SXM at full load; for the rest kernels timed on H100 SXM/);
    expect(code).toBe(0);
    const { kernels } = JSON.parse(readFileSync(path.join(root, "k.json"), "utf8")) as LayersCalibration;
    const [own, known] = [kernels!["H100 SXM"]!, gpuKernels(CATALOG, "H100 SXM")!];
    expect(own.collectives).toEqual(known.collectives);
    expect(own.attention.halfSpeedTokens).toBe(known.attention.halfSpeedTokens);
  });

  it("leaves out products that the GPU has no room for, and has its name as CUDA tells it", async () => {
    const { status, stderr } = await run(...SMALL, "--inner", "1000000");
    expect(stderr).toContain("\nno room for 512 x 2000000 x 16\n");
    expect(status).toBe(0);
    expect(rowsOf("kernels.csv").map(([gpu, , ...row]) => [gpu, ...row.slice(0, 3)].join())).toEqual([
      "gpu,m,n,k",
      ...["512", "2048", "8192"].flatMap((tokens) => [`stand-in,${tokens},32,16`, `stand-in,${tokens},16,16`]),
    ]);
  });

  it("times two products of one shape once", async () => {
    await run(...SMALL, "--inner", "8", "-o", "alike.csv");
    expect(rowsOf("alike.csv").map((row) => row.slice(2, 5).join())).toEqual([
      "m,n,k",
      ...["512", "2048", "8192"].flatMap((tokens) => ["32,16", "16,16", "16,8"].map((shape) => `${tokens},${shape}`)),
    ]);
  });

  it("prints its use", async () => {
    const { status, stdout } = await run("--help");
    expect(stdout).toMatch(/^usage: kernel_times \[options\]\n[\s\S]+ --head-dim N +head_dim/);
    expect(status).toBe(0);
  });

  it.each([
    [["--magic", "1"], 2, "expected an option that --help lists, got --magic"],
    [["--gpu"], 2, "expected a value after --gpu"],
    [["--gpu", "H100, mine"], 2, "expected no comma or quote at --gpu"],
    [["--seconds", "0"], 2, 'expected seconds above 0 at --seconds, got "0"'],
    [["--seconds", "nan"], 2, 'expected seconds above 0 at --seconds, got "nan"'],
    [["--hidden", "2.5"], 2, 'expected a whole number from 1 to 1000000 at --hidden, got "2.5"'],
    [["--inner", "8x"], 2, 'expected a whole number from 1 to 1000000 at --inner, got "8x"'],
    [["--heads", "1000000", "--head-dim", "1000000"], 2, "expected fewer or smaller heads"],
    [["-o", "none/k.csv"], 1, "none/k.csv: No such file or directory"],
  ])("says in one line what is wrong with %s", async (args, code, message) => {
    const { status, stdout, stderr } = await run(...args);
    expect({ status, stdout, stderr }).toEqual({ status: code, stdout: "", stderr: `kernel_times: ${message}\n` });
  });

  it("says which call fails", async () => {
    const { status, stderr } = await finish("env", ["-C", root, "STAND_IN_REFUSES=1", program, ...SMALL]);
    expect(stderr).toMatch(/\nkernel_times: cublasGemmEx: a kernel failed\n$/);
    expect(status).toBe(1);
  });
});
