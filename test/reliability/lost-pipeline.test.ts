import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "../cli/run-cli.ts";
import { adaptersOf, runWithFaults, writeCase } from "./reliability-case.ts";

const root = temporaryFolder();
const TWO = ["--devices", "cpu:0,cpu:1", "--pipelines", "2", "--no-cache"];
const BEFORE = ["--checkpoint-steps", "1"];

beforeAll(async () => {
  await writeCase(root);
  const workload = JSON.parse(readFileSync(path.join(root, "workload.json"), "utf8"));
  const long = { ...workload, defaults: { ...workload.defaults, steps: 60 } };
  writeFileSync(path.join(root, "long.json"), JSON.stringify(long));
}, 60_000);

function eventsOf(folder: string): readonly { readonly event: string; readonly jobs?: readonly string[] }[] {
  const lines = readFileSync(path.join(root, folder, "journal.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line));
}

describe("a run with a pipeline that stops", () => {
  it("trains the jobs of the other one, says so, and goes on with what is left", async () => {
    await printed(["train", "long.json", ...TWO, "--no-fuse", "-o", "whole"], root);
    const whole = adaptersOf(path.join(root, "whole"));
    expect(whole.size).toBe(2);
    const seen = await runWithFaults(["train", "long.json", ...TWO, "--no-fuse", ...BEFORE, "-o", "lost"], root, {
      faults: "action:150:memory",
    });
    expect(seen.code).toBe(3);
    const { jobs } = eventsOf("lost").find(({ event }) => event === "pipeline lost")!;
    expect(jobs).toHaveLength(1);
    const other = jobs![0] === "first" ? "second" : "first";
    expect(seen.stderr).toMatch(
      new RegExp(`Warning: pipeline [01] has stopped, and with it ${jobs![0]}; the others go on \\(Expected task`),
    );
    expect(seen.stderr).toMatch(/Hint: `loratwin train --resume lost` goes on with what is left\.\n$/);
    const written = adaptersOf(path.join(root, "lost"));
    expect([...written]).toEqual([[other, whole.get(other)]]);
    await printed(["validate", "lost"], root);
    // The others have written checkpoints since, in which the job of the pipeline that stopped is as it was.
    const again = await runCli(["train", "--resume", "lost", "--no-cache", "--quiet"], root);
    expect(again.stderr).toBe("");
    expect(adaptersOf(path.join(root, "lost"))).toEqual(whole);
    await printed(["validate", "lost"], root);
  }, 60_000);
});

describe("a fleet with a pipeline that stops", () => {
  it("ends the jobs of the other one with a checkpoint, and goes on with all of them", async () => {
    const serve = ["serve", "long.json", ...TWO, "--once", "--jobs-at-once", "1", ...BEFORE];
    await printed([...serve, "-o", "fleet"], root);
    const whole = adaptersOf(path.join(root, "fleet"));
    expect(whole.size).toBe(2);
    const seen = await runWithFaults([...serve, "-o", "cut"], root, { faults: "action:90:memory" });
    expect(seen.code, seen.stderr).toBe(3);
    expect(seen.stderr).toMatch(
      /Warning: pipeline [01] has stopped, and with it (first|second); the others end with a/,
    );
    expect(seen.stderr).toMatch(/Hint: `loratwin serve long\.json --resume cut` goes on, with the same options\.\n$/);
    expect(eventsOf("cut").map(({ event }) => event)).toContain("pipeline lost");
    await printed(["validate", "cut"], root);
    await printed([...serve, "--resume", "cut"], root);
    expect(adaptersOf(path.join(root, "cut"))).toEqual(whole);
    await printed(["validate", "cut"], root);
  }, 60_000);
});
