import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { pythonLibraries } from "../../native/python-libraries.ts";

const root = mkdtempSync(path.join(tmpdir(), "loratwin-python-"));
afterAll(() => rmSync(root, { recursive: true }));

/** An environment's folder `nvidia` with libraries that are empty files. */
function environment(name: string, ...files: readonly string[]): string {
  const nvidia = path.join(root, name, "lib", "python3.12", "site-packages", "nvidia");
  for (const file of files) {
    mkdirSync(path.join(nvidia, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(nvidia, file), "");
  }
  return nvidia;
}

describe("libraries of CUDA that pip has installed", () => {
  const nccl = "nccl/lib/libnccl.so.2";

  it("are found as CUDA 13 has them, in the active environment", () => {
    const nvidia = environment("new", "cu13/lib/libcublasLt.so.13", "cu13/lib/libcublas.so.13", nccl);
    expect(pythonLibraries({ VIRTUAL_ENV: path.join(root, "new") }, "/srv")).toEqual({
      LORATWIN_CUBLASLT: path.join(nvidia, "cu13/lib/libcublasLt.so.13"),
      LORATWIN_NCCL: path.join(nvidia, nccl),
    });
  });

  it("are found as CUDA 12 has them, in conda's environment, and beside the product that pip installed", () => {
    const nvidia = environment("old", "cublas/lib/libcublasLt.so.12", "cublas/lib/libnvblas.so.12");
    const found = { LORATWIN_CUBLASLT: path.join(nvidia, "cublas/lib/libcublasLt.so.12") };
    expect(pythonLibraries({ CONDA_PREFIX: path.join(root, "old") }, "/srv")).toEqual(found);
    expect(pythonLibraries({}, path.join(path.dirname(nvidia), "loratwin", "product"))).toEqual(found);
  });

  it("leave a variable that is set as it is, and set none where there is nothing", () => {
    environment("named", "cu13/lib/libcublasLt.so.13");
    const named = { VIRTUAL_ENV: path.join(root, "named"), LORATWIN_CUBLASLT: "/opt/mine.so" };
    expect(pythonLibraries(named, "/srv")).toEqual({});
    expect(pythonLibraries({ VIRTUAL_ENV: path.join(root, "absent") }, "/srv")).toEqual({});
    expect(pythonLibraries({}, "/srv")).toEqual({});
  });
});
