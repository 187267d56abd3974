import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Measurement } from "../../bench/measurement.ts";
import { startData } from "../../bench/start-data.ts";
import { buildsOf } from "../../bench/start-process.ts";
import { start } from "../../bench/suites/start.ts";
import { packageFile } from "../../files/index.ts";
import { loadWorkload } from "../../workbench/load/load-workload.ts";

const root = mkdtempSync(path.join(tmpdir(), "loratwin-baseline-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("the made up rows are instructions, the same every time, for as many jobs as are asked for", async () => {
  using data = startData("tiny");
  using again = startData("tiny");
  const rowsOf = async (each: typeof data) => {
    const file = each.writeWorkload({ model: each.tokenized(), jobs: 3, steps: 2 });
    return (await loadWorkload({ cwd: each.folder }, file)).rows;
  };
  const rows = await rowsOf(data);
  expect(rows.map(({ tokens, steps }) => [tokens.length, steps.length])).toEqual([
    [20, 2],
    [20, 2],
    [20, 2],
  ]);
  expect((await rowsOf(again)).map(({ digest }) => digest)).toEqual(rows.map(({ digest }) => digest));
});

test("a baseline that is not built is refused, with what to do", () => {
  expect(() => buildsOf(root)).toThrow(/Expected a built checkout of loratwin at --baseline.*\n.*npm run build/);
});

test("another build takes turns, and its times stand beside ratios", { tags: ["slow"], timeout: 60_000 }, async () => {
  const baseline = path.join(root, "other");
  mkdirSync(path.join(baseline, "dist", "cli"), { recursive: true });
  const main = packageFile("dist", "cli", "main.js");
  writeFileSync(path.join(baseline, "dist", "cli", "main.js"), `await import(${JSON.stringify(main)});\n`);
  writeFileSync(path.join(baseline, "package.json"), '{ "type": "module" }');
  const measured: Measurement[] = [];
  const setting = { scale: "tiny", baseline, note: () => {} } as const;
  const cases = await start.cases(setting);
  expect(new Set(cases.map(({ input }) => input?.split(" ")[0]))).toEqual(new Set(["baseline"]));
  const loading = cases.find(({ name }) => name === "loading")!;
  await loading.run({ ...setting, measured: [], record: (each) => void measured.push(each) });
  expect(measured.map(({ name, unit }) => [name, unit])).toEqual([
    ["Node alone", "s"],
    ["--version", "s"],
    ["--version, baseline", "s"],
    ["--version, baseline to this", "ratio"],
  ]);
});
