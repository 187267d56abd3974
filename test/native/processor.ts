import { existsSync, readFileSync } from "node:fs";

const INFO = "/proc/cpuinfo";

/** Whether tests of x86 builds can run. */
export const isX86 = process.arch === "x64";

const hasFlag = (name: string): boolean =>
  isX86 && existsSync(INFO) && readFileSync(INFO, "utf8").includes(` ${name} `);

export const hasAvx512Bf16 = hasFlag("avx512_bf16");

/**
 * Whether AMX's instructions can be carried out one by one: all else of that build is AVX512_BF16. A processor with AMX
 * configures tiles itself and raises SIGILL only where they are used; there `op_table` is on the tiles anyway.
 */
export const canEmulateAmx = hasAvx512Bf16 && !hasFlag("amx_tile");
