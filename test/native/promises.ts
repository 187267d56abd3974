import { join } from "node:path";
import { build, finish } from "./cuda-table.ts";

interface Promises {
  readonly status: number | string;
  /** How many were checked. */
  readonly count: number;
  readonly broken: readonly string[];
}

/** Runs a program that native/test/promises.h tells of. */
export async function checkPromises(target: string): Promise<Promises> {
  const { status, stdout } = await finish(join(build, target), []);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly case: string; readonly ok: boolean });
  return { status, count: lines.length, broken: lines.filter(({ ok }) => !ok).map((line) => line.case) };
}
