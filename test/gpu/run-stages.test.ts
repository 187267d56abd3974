import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Machine } from "../../gpu/machine.ts";
import { runStages } from "../../gpu/run-stages.ts";
import { Failed, Missing, type Stage } from "../../gpu/stage.ts";
import type { Summary } from "../../gpu/summary.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-stages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const machine: Machine = {
  gpu: undefined,
  nvcc: undefined,
  sanitizer: undefined,
  python: "python3",
  libraryFolders: [],
};

function stage(run: Stage["run"], limitSeconds = 10): Stage {
  return { describe: "a stage of a test", limitSeconds, emulatedLimitSeconds: limitSeconds, run };
}

async function runAll(name: string, stages: Readonly<Record<string, Stage>>, allowedSeconds = 30) {
  const results = path.join(folder, name);
  const notes: string[] = [];
  const summary = await runStages({
    mode: "emulated",
    machine,
    stages: Object.entries(stages),
    folder: results,
    allowedSeconds,
    command: "npm run gpu",
    note: (text) => void notes.push(text),
  });
  const read = (file: string): string => readFileSync(path.join(results, file), "utf8");
  return { summary, notes, read, written: JSON.parse(read("summary.json")) as Summary };
}

describe("the stages of npm run gpu", () => {
  test("go on after one that fails, lacks something or has a fault of its own", async () => {
    const { summary, written } = await runAll("failures", {
      wrong: stage(async () => {
        throw new Failed("a result is wrong");
      }),
      absent: stage(async () => {
        throw new Missing("no such tool");
      }),
      faulty: stage(async () => {
        throw new RangeError("a bug");
      }),
      unknown: stage(async (context) => void (await context.run("no-such-program", []))),
      good: stage(async (context) => context.record({ answer: 42 })),
    });
    expect(written).toEqual(summary);
    expect(written.state).toBe("complete");
    expect(written.stages.map(({ state }) => state)).toEqual(["failed", "missing", "failed", "failed", "passed"]);
    expect(written.stages[0]!.notes).toEqual(["a result is wrong"]);
    expect(written.stages[1]!.notes).toEqual(["no such tool"]);
    expect(written.stages[3]!.notes[0]).toContain("Expected the program no-such-program");
    expect(written.stages[4]!.results).toEqual([{ answer: 42 }]);
  });

  test("end at their limit together with all that their programs started, and keep what they found before", async () => {
    const marker = "31.4159";
    const { written } = await runAll("limits", {
      late: stage(async (context) => {
        await context.run("sh", ["-c", `echo '{"before":1}'; sleep ${marker} & sleep ${marker}`]);
      }, 1),
      next: stage(async (context) => void (await context.run("true", []))),
    });
    expect(written.stages.map(({ state }) => state)).toEqual(["timed out", "passed"]);
    expect(written.stages[0]!.results).toEqual([{ before: 1 }]);
    // grep finds the processes of /proc whose command line has the marker; not itself, whose has a bracket in it.
    const { stdout } = spawnSync("sh", ["-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 31[.]4159'"], {
      encoding: "utf8",
    });
    expect(stdout).toBe("");
  });

  test("get what is left of the whole, and say so when nothing is", async () => {
    const { written } = await runAll(
      "no-time",
      {
        long: stage(async (context) => void (await context.run("sleep", ["20"]))),
        never: stage(async () => {}),
      },
      1.2,
    );
    expect(written.stages.map(({ state }) => state)).toEqual(["timed out", "no time"]);
    expect(written.stages[0]!.limitSeconds).toBeLessThan(2);
  });

  test("write what their programs say into their own logs, and only JSON lines into the summary", async () => {
    const { read, written } = await runAll("logs", {
      first: stage(async (context) => {
        expect(
          await context.run("sh", ["-c", 'echo words; echo \'{"seconds":2}\'; echo "{oops"; echo why >&2; exit 4']),
        ).toBe(4);
      }),
    });
    expect(written.stages[0]!.results).toEqual([{ seconds: 2 }]);
    expect(read("0-first.log")).toContain("words\n");
    expect(read("0-first.log")).toContain("why\n");
    expect(read("0-first.log")).toContain("exit status 4\n");
  });

  test("are on disk at every moment", async () => {
    let during: Summary | undefined;
    await runAll("moments", {
      one: stage(async (context) => {
        context.record({ half: 0.5 });
        during = JSON.parse(readFileSync(path.join(folder, "moments", "summary.json"), "utf8"));
      }),
      two: stage(async () => {}),
    });
    expect(during?.state).toBe("running");
    expect(during?.stages.map(({ state }) => state)).toEqual(["running", "waiting"]);
    expect(during?.stages[0]?.results).toEqual([{ half: 0.5 }]);
  });
});
