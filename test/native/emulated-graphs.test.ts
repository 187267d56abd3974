import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { build, buildTargets, finish } from "./cuda-table.ts";

beforeAll(() => buildTargets("emulated_graphs"), 300_000);

test("emulated streams keep what CUDA promises of captures and graphs", async () => {
  const { status, stdout } = await finish(join(build, "emulated_graphs"), []);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly case: string; readonly ok: boolean });
  expect(lines.filter(({ ok }) => !ok)).toEqual([]);
  expect(lines.length).toBe(9);
  expect(status).toBe(0);
});
