import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "../cli/run-cli.ts";
import { adaptersOf, runWithFaults, writeCase } from "./reliability-case.ts";

const root = temporaryFolder();
const TWO = ["--devices", "cpu:0,cpu:1", "--pipelines", "2", "--no-cache"];
const BEFORE = ["--checkpoint-steps", "1"];

beforeAll(async () => {
  await writeCase(root);
  const workload = JSON.parse(readFileSync(path.join(root, "workload.json"), "utf8"));
  const write = (name: string, steps: number): void => {
    const longer = { ...workload, defaults: { ...workload.defaults, steps } };
    writeFileSync(path.join(root, name), JSON.stringify(longer));
  };
  write("long.json", 60);
  write("fleet.json", 400);
}, 60_000);

function eventsOf(folder: string): readonly { readonly event: string; readonly jobs?: readonly string[] }[] {
  const lines = readFileSync(path.join(root, folder, "journal.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line));
}

describe("a run with a pipeline that stops", () => {
  it("trains the jobs of the other one, says so, and goes on with what is left", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
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
    expect(seen.stderr).toMatch(/Hint: `loratwin resume lost` goes on with what is left\.\n$/);
    const written = adaptersOf(path.join(root, "lost"));
    expect([...written]).toEqual([[other, whole.get(other)]]);
    await printed(["validate", "lost"], root);
    // The others have written checkpoints since, in which the job of the pipeline that stopped is as it was.
    const again = await runCli(["resume", "lost", "--no-cache", "--quiet"], root);
    expect(again.stderr).toBe("");
    expect(adaptersOf(path.join(root, "lost"))).toEqual(whole);
    await printed(["validate", "lost"], root);
  });
});

describe("a fleet with a pipeline that stops", () => {
  const serve = ["serve", "fleet.json", ...TWO, "--once", "--jobs-at-once", "1", ...BEFORE];
  let whole: ReadonlyMap<string, string>;

  beforeAll(async () => {
    await printed([...serve, "-o", "fleet"], root);
    whole = adaptersOf(path.join(root, "fleet"));
    expect(whole.size).toBe(2);
  }, 60_000);

  it("ends the jobs of the other one with a checkpoint, and goes on with all of them on what is left", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
    // Late enough for both jobs to have come, on a busy machine too.
    const seen = await runWithFaults([...serve, "-o", "cut"], root, { faults: "action:600:memory" });
    expect(seen.code, seen.stderr).toBe(0);
    const stopped = /Warning: pipeline ([01]) has stopped, and with it (first|second); the others end with a/;
    expect(seen.stderr).toMatch(stopped);
    const [, pipeline] = stopped.exec(seen.stderr)!;
    expect(seen.stderr).toContain(`Note: goes on without cpu:${pipeline}\n`);
    expect(seen.stderr).toMatch(/Note: goes on from checkpoint step-\d+: jobs left 2, over 0\n/);
    const events = eventsOf("cut").map(({ event }) => event);
    for (const event of ["pipeline lost", "failed", "resumed", "ended"]) expect(events).toContain(event);
    const { devices } = JSON.parse(readFileSync(path.join(root, "cut", "setting.json"), "utf8"));
    expect(devices.map(({ name }: { readonly name: string }) => name)).toEqual([`cpu:${1 - Number(pipeline)}`]);
    expect(adaptersOf(path.join(root, "cut"))).toEqual(whole);
    await printed(["validate", "cut"], root);
  });

  it("fails where none is left, and goes on with all of its jobs later", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
    const faults = "action:90:memory,action:400:memory";
    const seen = await runWithFaults([...serve, "-o", "gone"], root, { faults });
    expect(seen.code, seen.stderr).toBe(3);
    expect(seen.stderr).toMatch(/Hint: `loratwin resume gone fleet\.json` goes on, with the same options\.\n$/);
    await printed(["resume", "gone", ...serve.slice(1)], root);
    expect(adaptersOf(path.join(root, "gone"))).toEqual(whole);
    await printed(["validate", "gone"], root);
  });

  it("fails as its devices did where it cannot go on", { tags: ["slow"], timeout: 60_000 }, async () => {
    const gone = path.join(root, "rows-gone.jsonl");
    const text = readFileSync(path.join(root, "fleet.json"), "utf8").replaceAll("rows.jsonl", "rows-gone.jsonl");
    writeFileSync(path.join(root, "gone.json"), text);
    copyFileSync(path.join(root, "rows.jsonl"), gone);
    const argv = ["serve", "gone.json", ...serve.slice(2), "-o", "stuck"];
    const pending = runWithFaults(argv, root, { faults: "action:200:memory" });
    const journal = path.join(root, "stuck", "journal.jsonl");
    while (!existsSync(journal) || !readFileSync(journal, "utf8").includes('"ready"')) await sleep(2);
    rmSync(gone);
    const { code, stderr } = await pending;
    expect(code, stderr).toBe(3);
    expect(stderr).toMatch(
      /Warning: it cannot go on with the devices that are left: .*Expected a data file at defaults\.data\.path/,
    );
    expect(stderr).toMatch(/Hint: `loratwin resume stuck gone\.json` goes on, with the same options\.\n$/);
    copyFileSync(path.join(root, "rows.jsonl"), gone);
    await printed(["resume", "stuck", "gone.json", ...serve.slice(2)], root);
    expect(adaptersOf(path.join(root, "stuck"))).toEqual(whole);
  });
});
