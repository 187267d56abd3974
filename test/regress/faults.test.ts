// @module-tag slow
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ComparedGolden } from "../../studies/index.ts";
import { runCli } from "../cli/run-cli.ts";
import { isNightly } from "../level.ts";
import { ChangedClone, type SourceChange } from "./changed-clone.ts";
import { FAULTS, REFACTORS } from "./seeded-changes.ts";

let clone: ChangedClone;
const cache = mkdtempSync(path.join(tmpdir(), "loratwin-cache-"));
const before = process.env["XDG_CACHE_HOME"];

beforeAll(() => {
  process.env["XDG_CACHE_HOME"] = cache;
  clone = new ChangedClone();
});

afterAll(() => {
  if (before === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = before;
  clone.remove();
  rmSync(cache, { recursive: true, force: true });
});

/** Each runs all golden workloads twice: one of three where it is not night. */
const some = <T>(changes: readonly T[]): readonly T[] => changes.filter((_, place) => isNightly || place % 3 === 2);

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
  test.each(some(FAULTS))(
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
  test.each(some(REFACTORS))(
    "$name passes, and nothing is said of any golden workload",
    async ({ changes }) => {
      const { code, goldens } = await regress(changes);
      expect(goldens.filter(({ verdict }) => verdict !== "same" && verdict !== "unable")).toEqual([]);
      expect(code).toBe(0);
    },
    300_000,
  );
});
