import { existsSync } from "node:fs";
import path from "node:path";

/** LORATWIN_CUBLASLT_INCLUDE, where cuBLAS's headers are, or where its packages put them. */
const INCLUDES = [process.env["LORATWIN_CUBLASLT_INCLUDE"] ?? "", "/usr/local/cuda/include", "/usr/include"];

/** The folder that has this header of cuBLAS. */
export function cublasHeaders(name: string): string | undefined {
  return INCLUDES.find((include) => include !== "" && existsSync(path.join(include, name)));
}
