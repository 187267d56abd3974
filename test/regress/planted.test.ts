import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { FAULTS } from "../../bench/planted/faults.ts";
import { REFACTORS } from "../../bench/planted/refactors.ts";
import { packageFile } from "../../files/index.ts";

test.each([...FAULTS, ...REFACTORS])("$name is planted in text that is there once", ({ changes }) => {
  for (const { file, from, to } of changes) {
    expect(readFileSync(packageFile(file), "utf8").split(from), `${file}: ${from}`).toHaveLength(2);
    expect(to).not.toBe(from);
  }
});

test("each fault has a golden workload that is to catch it, and no two have one name", () => {
  const { goldens, executed } = parse(readFileSync(packageFile("examples", "regress", "goldens.yaml"), "utf8")) as {
    readonly goldens: readonly { readonly name: string }[];
    readonly executed: readonly { readonly name: string }[];
  };
  const names = [...goldens, ...executed].map(({ name }) => name);
  expect(FAULTS.filter(({ caughtBy }) => caughtBy !== "budget" && !names.includes(caughtBy))).toEqual([]);
  expect(new Set(FAULTS.map(({ area, name }) => `${area} ${name}`)).size).toBe(FAULTS.length);
});
