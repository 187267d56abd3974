import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { SMALL_FLEET } from "./small-inputs.ts";

const root = temporaryFolder();

function journal(...events: readonly (readonly [second: number, event: string, more?: object])[]): string {
  const line = ([second, event, more]: (typeof events)[number]): string =>
    JSON.stringify({ event, time: new Date(1e12 + 1000 * second).toISOString(), ...more });
  return `${events.map(line).join("\n")}\n`;
}

/** On one unit device a forward takes a second and a backward two: 40 steps take 120 s. */
const FILES = {
  "jobs.yaml": `${SMALL_FLEET}defaults: { batchSize: 2, microBatchSize: 2, data: { lengths: 64 } }
jobs: [{ name: one, steps: 40 }]
`,
  "costs.json": JSON.stringify({
    ...{ kind: "calibration", version: 1, model: "constant" },
    seconds: { F: 1, B: 2, transfer: 0, update: 0 },
  }),
  "run/journal.jsonl": journal(
    [0, "started"],
    [5, "ready"],
    [20, "notice"],
    [24, "checkpoint", { name: "step-00000001", seconds: 1.5 }],
    [25, "ended early"],
    [30, "started"],
    [34, "ready"],
    [50, "asked to end"],
    [60, "checkpoint", { name: "step-00000002", seconds: 2.5 }],
    [62, "ended early"],
    [90, "started"],
    [90, "ready"],
    [95, "ended"],
  ),
  "whole/journal.jsonl": journal([0, "started"], [5, "ready"], [20, "ended"]),
};

const EXACT = ["--devices", "unit*1", "--calibration", "costs.json"];
const EVERY_10 = ["--interrupted-every", "10"];

beforeAll(async () => {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  await printed(["plan", "jobs.yaml", ...EXACT, "-o", "plan.json"], root);
});

const simulated = (...argv: readonly string[]): Promise<string> => printed(["simulate", ...argv], root);
const answer = async (...argv: readonly string[]): Promise<unknown> => JSON.parse(await simulated(...argv, "--json"));

describe("simulate --interrupted-every", () => {
  const given = [...EVERY_10, "--notice-seconds", "60", "--checkpoint-seconds", "2", "--restart-seconds", "5"];

  it("says how long a plan takes then, and why", async () => {
    expect(await answer("plan.json", ...given)).toEqual({
      makespanSeconds: 120,
      totalSeconds: 134,
      interval: { level: 0.9, low: 134, high: 134 },
      interruptions: 2,
      causes: {
        drain: { seconds: 0, share: 0 },
        checkpoint: { seconds: 4, share: 4 / 134 },
        restart: { seconds: 10, share: 10 / 134 },
        lost: { seconds: 0, share: 0 },
        fill: { seconds: 0, share: 0 },
      },
      interrupted: {
        ...{ everySeconds: 10, noticeSeconds: 60, checkpointSeconds: 2, restartSeconds: 5 },
        ...{ checkpointEverySeconds: 600, checkpointEverySteps: 0 },
        sources: { checkpoint: "given", restart: "given" },
      },
      costs: { model: "constant", meanError: 0 },
    });
    expect(await answer("jobs.yaml", ...EXACT, ...given)).toEqual(await answer("plan.json", ...given));
  });

  it("prints it as a table", async () => {
    expect(await simulated("plan.json", ...given)).toBe(`\
interrupted every 10.00 s: 2 min 14 s, without interruptions 2 min 00 s (11.7 % more)
2 interruptions

cause          time  share
----------  -------  -----
drain           0 s  0.0 %
checkpoint   4.00 s  3.0 %
restart     10.00 s  7.5 %
lost work       0 s  0.0 %
fill again      0 s  0.0 %

notice 1 min 00 s, checkpoint 2.00 s (given), restart 5.00 s (given)
`);
  });

  it("takes checkpoints and restarts from a run that was interrupted", async () => {
    const told = await answer("plan.json", ...EVERY_10, "--notice-seconds", "60", "--measured-by", "run");
    // Checkpoints of 1.5 and 2.5 s, restarts of 10 and 30 s.
    expect(told).toMatchObject({
      totalSeconds: 120 + 2 * (2 + 20),
      interrupted: { sources: { checkpoint: "measured", restart: "measured" } },
    });
    const { low, high } = (told as { readonly interval: { readonly low: number; readonly high: number } }).interval;
    expect([low, high]).toEqual([expect.closeTo(120 + 2 * (1.55 + 11), 6), expect.closeTo(120 + 2 * (2.45 + 29), 6)]);
  });

  it("assumes them otherwise, and says so", async () => {
    const text = await simulated("plan.json", ...EVERY_10, "--notice-seconds", "60");
    expect(text).toMatch(/checkpoint .+ \(assumed\), restart 1 min 00 s \(assumed\)/);
  });

  it.each([
    [["--notice-seconds", "5"], /progress between two interruptions/],
    [["--measured-by", "whole"], /whole: Expected a run that was ended early with a checkpoint, and resumed/],
    [["--measured-by", "none"], /none/],
    [["--measured-by", "run", "--restart-seconds", "5"], /either --restart-seconds or --measured-by/],
    [["--restart-seconds", "-1"], /at least 0 at --restart-seconds/],
    [["--timeline"], /An interrupted run has no trace/],
  ])("refuses %j", async (argv, message) => {
    const { code, stderr } = await runCli(["simulate", "plan.json", ...EVERY_10, ...argv], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
