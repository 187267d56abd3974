import { existsSync, readFileSync } from "node:fs";

const INFO = "/proc/cpuinfo";

/** Whether tests of x86 builds can run. */
export const isX86 = process.arch === "x64";

/** Without AMX its instructions can be carried out one by one then: all else of that build is AVX512_BF16. */
export const hasAvx512Bf16 = isX86 && existsSync(INFO) && / avx512_bf16 /.test(readFileSync(INFO, "utf8"));
