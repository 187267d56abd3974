// @module-tag slow
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { packageFile, silent } from "../../files/index.ts";
import { executeGoldens } from "../../workbench/regress/execute-goldens.ts";
import { loadGoldens } from "../../workbench/regress/load-goldens.ts";
import { packageRevision } from "../../workbench/regress/revisions.ts";
import { isNightly } from "../level.ts";

beforeEach(() => {
  const { LORATWIN_ADDON = packageFile("native", "build", "loratwin.node") } = process.env;
  vi.stubEnv("LORATWIN_ADDON", LORATWIN_ADDON);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const root = packageFile(".");
const set = loadGoldens({ cwd: root }, "examples/regress");
/** Jobs that come over time; at night also each plan, in all turns. */
const executed = set.executed.filter(({ options }) => isNightly || options["policy"] !== undefined);
const turns = isNightly ? { first: 2, more: 4 } : { first: 1, more: 0 };

test.each(executed)("$name is trained by a revision as by itself", { timeout: 600_000 }, async (golden) => {
  const ours = packageRevision();
  const [compared] = await executeGoldens(silent(root), root, [ours, ours], { ...set, executed: [golden] }, turns);
  const { verdict, why, turnRatios, wallSeconds } = compared!;
  // Who else uses the machine may make it slower, and nothing else.
  expect(["same", "worse"], why.join("\n")).toContain(verdict);
  expect(turnRatios!.length).toBeGreaterThanOrEqual(turns.first);
  expect(wallSeconds).toBeGreaterThan(1);
});
