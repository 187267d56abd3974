// @module-tag slow

import { EventEmitter } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { packageFile } from "../../files/index.ts";
import { type CliResult, printed, runCli, STAGE_LINES, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";
import { TWO_MACHINES } from "./two-machines.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const PATH = process.env["PATH"] ?? "";
const hasMpirun = PATH.split(":").some((folder) => existsSync(path.join(folder, "mpirun")));

/** Whether the addon was built with ranks. */
const hasRanks = existsSync(packageFile("native", "build", "loratwin_mpi.so"));

function workload(steps: number): string {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  return JSON.stringify({
    kind: "workload",
    version: 1,
    model: { path: "model" },
    defaults,
    jobs: [{ name: "first" }],
  });
}

beforeAll(async () => {
  await writeSmallInputs(root);
  for (const [name, steps] of [
    ["short", 6],
    ["long", 20_000],
  ] as const) {
    writeFileSync(at(`${name}.yaml`), workload(steps));
    await printed(["plan", `${name}.yaml`, "--devices", "cpu:0", "--no-intervals", "-o", `${name}.json`], root);
  }
}, 120_000);

afterEach(() => {
  process.env["PATH"] = PATH;
});

/** Launches a plan, and does something meanwhile. */
async function launched(
  argv: readonly string[],
  meanwhile: (signals: EventEmitter) => Promise<void> = async () => {},
  hosts = "localhost",
): Promise<CliResult> {
  const signals = new EventEmitter();
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: (text: string) => {
      stderr += text;
    },
    ...{ isTty: false, cwd: root, signals },
  };
  const [code] = await Promise.all([run(["launch", ...argv, "--hosts", hosts, "--run"], io), meanwhile(signals)]);
  return { code, stdout, stderr };
}

/** The process that writes a run's folder. */
function firstRank(folder: string): number {
  const [first] = readFileSync(at(folder, "journal.jsonl"), "utf8").split("\n");
  return (JSON.parse(first!) as { readonly process: number }).process;
}

/** The other process of a launch with the same words. */
function secondRank(folder: string): number {
  const first = firstRank(folder);
  const words = readFileSync(`/proc/${first}/cmdline`, "utf8");
  const isSame = (pid: string): boolean => {
    try {
      return Number(pid) !== first && readFileSync(`/proc/${pid}/cmdline`, "utf8") === words;
    } catch {
      return false;
    }
  };
  return Number(readdirSync("/proc").find((pid) => /^\d+$/.test(pid) && isSame(pid))!);
}

/** Waits until a run has made a step. */
async function hasBegun(folder: string): Promise<void> {
  const metrics = at(folder, "metrics.jsonl");
  while (!existsSync(metrics) || readFileSync(metrics, "utf8") === "") await sleep(20);
}

/** Whether a process is there, and not only what nobody has asked of its end. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, "utf8"));
}

describe.skipIf(!hasMpirun)("launch --run by mpirun, on this machine alone", () => {
  it("trains, says what train says, and ends with 0 where the run has ended as planned", async () => {
    const { code, stdout, stderr } = await launched(["short.json", "-o", "run"]);
    const said = stderr
      .replace(STAGE_LINES, "")
      .replace(/^Warning: oneDNN: none.*\n/m, "")
      .replace(/^Note: 1 of this machine's \d+ cores is used.*\n/m, "");
    expect({ code, stderr: said }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/written to run\n$/);
    expect(await printed(["check-run", "run"], root)).toBe("run: has ended as planned, with 1 adapter\n");
  }, 60_000);

  it("prints one document with --json", async () => {
    const { code, stdout } = await launched(["short.json", "-o", "as-json", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ endedEarly: false });
  }, 60_000);

  it("ends with the exit code of train where that is not 0", async () => {
    const { code, stderr } = await launched(["short.json", "-o", "run"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Expected a folder without a run");
  }, 60_000);

  it("hands SIGUSR2 on, by which a run ends with a checkpoint, and goes on where it is resumed", async () => {
    const { code } = await launched(["long.json", "-o", "noticed"], async (signals) => {
      await hasBegun("noticed");
      signals.emit("SIGUSR2");
    });
    expect(code).toBe(75);
    expect(readFileSync(at("noticed", "journal.jsonl"), "utf8")).toContain('"why":"SIGUSR2"');
    const again = await launched(["noticed", "--max-hours", "0.00001"]);
    expect(again.code).toBe(75);
    expect(again.stderr).toContain("goes on from checkpoint");
  }, 120_000);

  it("hands SIGTERM on, by which everything ends at once, and not with 0", async () => {
    const { code } = await launched(["long.json", "-o", "ended"], async (signals) => {
      await hasBegun("ended");
      signals.emit("SIGTERM");
    });
    expect(code).not.toBe(0);
    while (isAlive(firstRank("ended"))) await sleep(20);
  }, 60_000);
});

describe.skipIf(!hasMpirun || !hasRanks)("launch --run of a plan for two machines, both of them this one", () => {
  beforeAll(async () => {
    writeFileSync(at("two.yaml"), TWO_MACHINES);
    for (const name of ["short", "long"])
      await printed(
        [
          "plan",
          `${name}.yaml`,
          "--cluster",
          "two.yaml",
          "--pipelines",
          "1",
          "--no-intervals",
          "-o",
          `${name}-two.json`,
        ],
        root,
      );
  });

  it("trains the same bytes as on one", async () => {
    const { code, stdout, stderr } = await launched(["short-two.json", "-o", "two"], async () => {}, "localhost:2");
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/written to two\n$/);
    await printed(["plan", "short.yaml", "--devices", "cpu:0,cpu:1", "--pipelines", "1", "-o", "short-one.json"], root);
    await printed(["train", "short-one.json", "-o", "one"], root);
    const [two, one] = ["two", "one"].map((run) =>
      readFileSync(at(run, "adapters", "first", "adapter_model.safetensors")),
    );
    expect(two!.equals(one!)).toBe(true);
  }, 120_000);

  it("hands SIGUSR2 on to both, of which the first one ends the run with a checkpoint", {
    tags: ["nightly"],
    timeout: 120_000,
  }, async () => {
    const notice = async (signals: EventEmitter): Promise<void> => {
      await hasBegun("two-noticed");
      signals.emit("SIGUSR2");
    };
    const { code, stderr } = await launched(["long-two.json", "-o", "two-noticed"], notice, "localhost:2");
    expect(code, stderr).toBe(75);
    expect((await runCli(["check-run", "two-noticed"], root)).stdout).toContain("The run was ended early: ");
    expect(readdirSync(at("two-noticed", "checkpoints")).length).toBe(1);
  });

  it("ends, and not with 0, where the second one is killed", { tags: ["nightly"], timeout: 120_000 }, async () => {
    const { code } = await launched(
      ["long-two.json", "-o", "two-killed"],
      async () => {
        await hasBegun("two-killed");
        process.kill(secondRank("two-killed"), "SIGKILL");
      },
      "localhost:2",
    );
    expect(code).not.toBe(0);
    while (isAlive(firstRank("two-killed"))) await sleep(20);
    const { code: checked, stdout } = await runCli(["check-run", "two-killed"], root);
    expect(checked).toBe(1);
    expect(stdout).toMatch(/The run (was cut off|has failed): /);
  });
});

describe("launch --run believes no launcher that ends with 0", () => {
  /** A launcher that calls itself Open MPI's, and does something else. */
  function useLauncher(script: string): void {
    mkdirSync(at("bin"), { recursive: true });
    const version = '[ "$1" = --version ] && echo "mpirun (Open MPI) 5.0.7" && exit 0';
    writeFileSync(at("bin", "mpirun"), `#!/bin/sh\n${version}\n${script}\n`);
    chmodSync(at("bin", "mpirun"), 0o755);
    process.env["PATH"] = `${at("bin")}:${PATH}`;
  }

  it("where nobody has begun", async () => {
    useLauncher("exit 0");
    const { code, stderr } = await launched(["short.json", "-o", "nothing"]);
    expect(code).toBe(1);
    expect(stderr).toBe("Warning: mpirun ended with exit code 0, and nobody has begun a run in nothing.\n");
  });

  it("where an earlier run has ended as planned, and nobody has begun since", async () => {
    await printed(["train", "short.json", "-o", "earlier"], root);
    useLauncher("exit 0");
    const { code, stderr } = await launched(["short.json", "-o", "earlier"]);
    expect(code).toBe(1);
    expect(stderr).toContain("nobody has begun a run in earlier.");
  });

  it("where the run was cut off", async () => {
    const early = `"${process.execPath}" "$LORATWIN" train long.json -o cut --max-hours 0.00001 --quiet`;
    useLauncher(`for word; do case $word in */main.js) LORATWIN=$word;; esac; done\n${early} > cut.txt 2>&1\nexit 0`);
    const { code, stderr } = await launched(["long.json", "-o", "cut"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Warning: mpirun ended with exit code 0, and the run has not ended as planned\.\nThe run was ended early: \d+ of 20000 steps, 0 of 1 job done\.\n`loratwin launch cut` goes on with what is left\.\n$/,
    );
  }, 60_000);

  it("and says so where there is none", async () => {
    process.env["PATH"] = at("nowhere");
    const { code, stderr } = await launched(["short.json", "-o", "none"]);
    expect(code).toBe(3);
    expect(stderr).toContain('Expected mpirun on this machine, got "no such program".');
  });
});
