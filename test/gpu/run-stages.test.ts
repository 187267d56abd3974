import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
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
  ninja: undefined,
  python: "python3",
  libraryFolders: [],
};

function stage(run: Stage["run"], limitSeconds = 10): Stage {
  return { describe: "a stage of a test", limitSeconds, emulatedLimitSeconds: limitSeconds, run };
}

/** The files of an archive by name, as the system's own tar reads it. */
function unpack(file: string): Readonly<Record<string, string>> {
  const target = mkdtempSync(path.join(folder, "unpacked-"));
  execFileSync("tar", ["-xzf", file, "-C", target]);
  const entries = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const full = path.join(entry.parentPath, entry.name);
      return [path.relative(target, full), readFileSync(full, "utf8")];
    }),
  );
}

async function runAll(name: string, stages: Readonly<Record<string, Stage>>, allowedSeconds = 30) {
  const results = path.join(folder, name);
  const work = path.join(folder, `${name}-work`);
  const notes: string[] = [];
  const summary = await runStages({
    mode: "emulated",
    machine,
    stages: Object.entries(stages),
    folder: results,
    suffix: "",
    work,
    allowedSeconds,
    command: "npm run gpu",
    note: (text) => void notes.push(text),
  });
  const written = JSON.parse(readFileSync(path.join(results, "summary.json"), "utf8")) as Summary;
  return { summary, notes, written, results, work, archive: () => unpack(path.join(results, "stages.tar.gz")) };
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
    // What a bug says of itself names files, as they lie in the project and nowhere else.
    expect(written.stages[2]!.notes[0]).toMatch(/^RangeError: a bug\n.*\(\.\/test\/gpu\/run-stages\.test\.ts/);
    expect(JSON.stringify(written)).not.toContain(packageFile());
    const others = ({ stages }: Summary) => stages.filter(({ name }) => name !== "faulty");
    expect(others(written)).toEqual(others(summary));
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
        // With job control bash gives each a process group of its own, as Ninja gives its compilers.
        await context.run("bash", ["-c", `set -m; echo '{"before":1}'; sleep ${marker} & sleep ${marker}`]);
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
    const { archive, written } = await runAll("logs", {
      first: stage(async (context) => {
        expect(
          await context.run("sh", ["-c", 'echo words; echo \'{"seconds":2}\'; echo "{oops"; echo why >&2; exit 4']),
        ).toBe(4);
      }),
    });
    expect(written.stages[0]!.results).toEqual([{ seconds: 2 }]);
    const log = archive()[written.stages[0]!.log];
    expect(log).toContain("words\n");
    expect(log).toContain("why\n");
    expect(log).toContain("exit status 4\n");
  });

  test("leave a summary and one archive, whatever they write, and no weights", async () => {
    const { archive, results, work } = await runAll("files", {
      first: stage(async ({ folder: own }) => {
        mkdirSync(path.join(own, "run", "adapters"), { recursive: true });
        writeFileSync(path.join(own, "run", "metrics.jsonl"), "lines\n");
        writeFileSync(path.join(own, "run", "adapters", "adapter_model.safetensors"), "weights");
        writeFileSync(path.join(own, "x".repeat(90)), "a name that a header just holds");
      }),
      second: stage(async (context) => {
        // As much as blocks of the archive have, and none.
        writeFileSync(path.join(context.folder, "block"), "b".repeat(1024));
        writeFileSync(path.join(context.folder, "empty"), "");
        expect(existsSync(path.join(context.folderOf("first"), "run/metrics.jsonl"))).toBe(true);
      }),
    });
    expect(readdirSync(results).sort()).toEqual(["stages.tar.gz", "summary.json"]);
    expect(archive()).toEqual({
      "first/log.txt": "",
      "first/run/metrics.jsonl": "lines\n",
      [`first/${"x".repeat(90)}`]: "a name that a header just holds",
      "second/log.txt": "",
      "second/block": "b".repeat(1024),
      "second/empty": "",
    });
    expect(existsSync(path.join(work, "first/run/adapters/adapter_model.safetensors"))).toBe(true);
  });

  test("leave the largest files out of an archive that would be too large to bring back", async () => {
    const { archive, results, written } = await runAll("large", {
      all: stage(async ({ folder: own }) => {
        for (const [name, megabytes] of [
          ["a", 5],
          ["b", 12],
          ["c", 4],
        ] as const)
          writeFileSync(path.join(own, name), randomBytes(megabytes * 1e6));
      }),
    });
    expect(statSync(path.join(results, "stages.tar.gz")).size).toBeLessThan(16 * 2 ** 20);
    expect(Object.keys(archive()).sort()).toEqual(["all/a", "all/c", "all/log.txt"]);
    expect(written.archive).toEqual({ file: "stages.tar.gz", leftOut: ["all/b"] });
  });

  test("begin with a folder that is empty, and find those of stages of earlier calls", async () => {
    const found: (readonly string[])[] = [];
    const first = stage(async ({ folder: own }) => {
      found.push(readdirSync(own));
      writeFileSync(path.join(own, "made"), "");
    });
    const look = stage(async (context) => void found.push(readdirSync(context.folderOf("first"))));
    await runAll("again", { first });
    const { archive } = await runAll("again", { look });
    // It is this call's.
    expect(Object.keys(archive())).toEqual(["look/log.txt"]);
    await runAll("again", { first });
    expect(found).toEqual([["log.txt"], ["log.txt", "made"], ["log.txt"]]);
  });

  test("have packed what is there when a later one takes the whole process with it", async () => {
    let during: Readonly<Record<string, string>> = {};
    await runAll("crash", {
      first: stage(async (context) => void (await context.run("echo", ["found"]))),
      second: stage(async () => {
        during = unpack(path.join(folder, "crash", "stages.tar.gz"));
      }),
    });
    expect(during["first/log.txt"]).toContain("found\n");
  });

  test("go on beside one that the next does not wait for, and end with it", async () => {
    const order: string[] = [];
    const { written } = await runAll("beside", {
      slow: {
        ...stage(async (context) => {
          await context.run("sleep", ["1"]);
          order.push("slow");
        }),
        beside: true,
      },
      quick: stage(async () => void order.push("quick")),
      // Its end takes its own programs with it and no others.
      wrong: stage(async () => {
        throw new Failed("wrong");
      }),
    });
    expect(order).toEqual(["quick", "slow"]);
    expect(written.stages.map(({ state }) => state)).toEqual(["passed", "passed", "failed"]);
    expect(written.stages[0]!.seconds).toBeGreaterThanOrEqual(1);
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
