import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { someOf } from "../level.ts";
import { FAULTS, outcomes } from "./faults.ts";
import { adaptersOf, runWithFaults, tornNames, writeCase } from "./reliability-case.ts";

const root = temporaryFolder();
const whole = path.join(root, "whole");
const INPUTS = ["workload.json", "plan.json", "rows.jsonl", "model/config.json"] as const;
let reference: ReadonlyMap<string, string>;

beforeAll(async () => {
  await writeCase(whole);
  await printed(["train", "plan.json", "--no-cache", "-o", "run"], whole);
  reference = adaptersOf(path.join(whole, "run"));
  expect(reference.size).toBe(2);
}, 60_000);

function copied(index: number): string {
  const folder = path.join(root, `${index}`);
  mkdirSync(path.join(folder, "run"), { recursive: true });
  for (const name of ["workload.json", "diverging.json", "rows.jsonl", "model", "plan.json"])
    cpSync(path.join(whole, name), path.join(folder, name), { recursive: true });
  return folder;
}

describe("an injected fault", () => {
  it.each(
    someOf(
      FAULTS.map((fault, index) => [fault.what, fault, index] as const),
      { quick: 5, all: 24 },
    ),
  )(
    "%s",
    async (_, fault, index) => {
      const {
        before,
        argv = ["train", "plan.json", "--no-cache", "-o", "run"],
        expected,
        code,
        adapters,
        says,
      } = fault;
      const folder = copied(index);
      // Places in the copy are those of the copy.
      const plan = path.join(folder, "plan.json");
      const text = readFileSync(plan, "utf8").replaceAll(whole, folder);
      writeFileSync(plan, text);
      await before?.(folder);
      const inputs = INPUTS.map((name) => readFileSync(path.join(folder, name), "utf8"));
      const seen = await runWithFaults(argv, folder, fault);
      expect(seen.code, seen.stderr).toBe(code);
      if (says === undefined) expect(seen.stderr.replace(/^Note: .*\n/gm, "")).toBe("");
      else expect(seen.stderr).toContain(says);
      expect(seen.stderr).not.toMatch(/\n {4}at /);
      const found = adaptersOf(path.join(folder, "run"));
      expect(found.size, expected).toBe(adapters);
      for (const [job, bytes] of found) expect(bytes, job).toBe(reference.get(job));
      expect(tornNames(folder)).toEqual([]);
      expect(INPUTS.map((name) => readFileSync(path.join(folder, name), "utf8"))).toEqual(inputs);
      if (existsSync(path.join(folder, "run", "plan.json"))) await printed(["validate", "run"], folder);
    },
    60_000,
  );

  it("is counted in docs/internals/reliability.md, with what becomes of the run", () => {
    const file = path.join(import.meta.dirname, "../../docs/internals/reliability.md");
    const rows = readFileSync(file, "utf8").match(/[^|]+ \| `faults\.test\.ts` \(\d+\) \|$/gm) ?? [];
    expect(rows.map((row) => row.trim()).sort()).toEqual([...outcomes(FAULTS)].sort());
  });
});
