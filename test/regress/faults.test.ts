// @module-tag slow
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import type { ComparedGolden } from "../../studies/index.ts";
import { runCli } from "../cli/run-cli.ts";
import { isNightly, someOf } from "../level.ts";
import { ChangedClone, type SourceChange } from "./changed-clone.ts";
import { FAULTS, REFACTORS } from "./seeded-changes.ts";

let clone: ChangedClone;
const cache = mkdtempSync(path.join(tmpdir(), "loratwin-cache-"));
const before = process.env["XDG_CACHE_HOME"];

beforeAll(() => {
  process.env["XDG_CACHE_HOME"] = cache;
  clone = new ChangedClone();
  if (!isNightly) keepFewGoldens();
});

afterAll(() => {
  if (before === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = before;
  clone.remove();
  rmSync(cache, { recursive: true, force: true });
});

/** Each builds the change and runs golden workloads twice: a few by day, and of these workloads those that catch one. */
const faults = someOf(FAULTS, { quick: 1, all: 1 });
const refactors = someOf(REFACTORS, { quick: 1, all: 1 });

function keepFewGoldens(): void {
  const file = path.join(clone.folder, "examples", "regress", "goldens.yaml");
  const set = parse(readFileSync(file, "utf8")) as { readonly goldens: readonly { readonly name: string }[] };
  const goldens = set.goldens.filter(({ name }) => faults.some(({ caughtBy }) => caughtBy === name));
  writeFileSync(file, stringify({ ...set, goldens }));
  clone.commit("few golden workloads");
}

interface Told {
  readonly code: number;
  readonly goldens: readonly ComparedGolden[];
}

async function regress(changes: readonly SourceChange[]): Promise<Told> {
  clone.change(...changes);
  try {
    const { code, stdout, stderr } = await runCli(["regress", "--base", "HEAD", "--json", "--quiet"], clone.folder);
    expect(stderr).toBe("");
    return { code, goldens: (JSON.parse(stdout) as { readonly goldens: readonly ComparedGolden[] }).goldens };
  } finally {
    clone.restore();
  }
}

describe("a change that does something wrong", () => {
  test.each(faults)(
    "$name is caught, and its cause is named",
    async ({ changes, caughtBy, cause }) => {
      const { code, goldens } = await regress(changes);
      expect(code).toBe(1);
      const caught = goldens.find(({ name }) => name === caughtBy)!;
      expect(["broken", "worse"], caught.why.join("\n")).toContain(caught.verdict);
      expect(
        caught.why.some((line) => cause.test(line)),
        caught.why.join("\n"),
      ).toBe(true);
    },
    300_000,
  );
});

describe("a change that does nothing", () => {
  test.each(refactors)(
    "$name passes, and nothing is said of any golden workload",
    async ({ changes }) => {
      const { code, goldens } = await regress(changes);
      expect(goldens.filter(({ verdict }) => verdict !== "same" && verdict !== "unable")).toEqual([]);
      expect(code).toBe(0);
    },
    300_000,
  );
});
