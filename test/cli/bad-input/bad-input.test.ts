import { beforeAll, describe, expect, it } from "vitest";
import { someOf } from "../../level.ts";
import { runCli, temporaryFolder } from "../run-cli.ts";
import { type BadInput, prepareCase, writeShared } from "./bad-input.ts";
import { BAD_CLUSTERS_AND_OPTIONS } from "./clusters-and-options.ts";
import { BAD_MODELS_AND_DATA } from "./model-and-data.ts";
import { BAD_PLANS_AND_TRACES } from "./plans-and-traces.ts";
import { RESEALED_PLANS } from "./resealed-plans.ts";
import { BAD_WORKLOADS } from "./workloads.ts";

const CASES: readonly BadInput[] = [
  ...BAD_WORKLOADS,
  ...BAD_MODELS_AND_DATA,
  ...BAD_CLUSTERS_AND_OPTIONS,
  ...BAD_PLANS_AND_TRACES,
  ...RESEALED_PLANS,
];

const root = temporaryFolder();

beforeAll(() => writeShared(root));

describe("wrong input ends with exit code 2 and one message that says where, what was expected and what was got", () => {
  it.each(
    someOf(
      CASES.map((bad, index) => ({ ...bad, index })),
      { quick: 40, all: 200 },
    ),
  )("$name", async (bad) => {
    const folder = await prepareCase(root, bad.index, bad);
    const { code, stdout, stderr } = await runCli(bad.argv, folder);
    for (const says of bad.says) expect(stderr).toMatch(says);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    const lines = stderr
      .trimEnd()
      .split("\n")
      .filter((line) => !line.startsWith("Note: "));
    const isSentence = (line: string): boolean => /^(\S+: )?Expected .+\.$/.test(line);
    expect(lines[0]).toSatisfy(isSentence);
    expect(stderr).not.toMatch(/^ +at .+:\d+/m);
    if (bad.detail === true) return;
    // Each fault is a sentence, with a line of hint at most.
    const isHint = (line: string, i: number): boolean => line.startsWith("Hint: ") && isSentence(lines[i - 1] ?? "");
    expect(lines.filter((line, i) => !isSentence(line) && !isHint(line, i))).toEqual([]);
  });
});
