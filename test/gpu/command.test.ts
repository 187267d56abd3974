import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runGpuCommand } from "../../gpu/command.ts";
import { collectJudgements } from "../../gpu/judgements.ts";
import { findGpu } from "../../gpu/machine.ts";
import { OPERATOR_GROUPS } from "../../gpu/stages/operators.ts";
import { STAGES } from "../../gpu/stages/stages.ts";
import type { Summary } from "../../gpu/summary.ts";
import { packageFile } from "../../workbench/package-file.ts";
import { buildTables } from "../native/cuda-table.ts";
import { HAS_SHARED } from "../shared-folder.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-gpu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function command(...argv: readonly string[]) {
  let out = "";
  let err = "";
  const status = await runGpuCommand(argv, {
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    isTty: false,
    cwd: folder,
  });
  return { status, out, err };
}

const readSummary = (name: string): Summary =>
  JSON.parse(readFileSync(path.join(folder, name, "summary.json"), "utf8"));

describe("npm run gpu", () => {
  test("lists its stages with --dry, those of the emulation with --emulated too", async () => {
    const all = await command("--dry");
    expect(all.status).toBe(0);
    expect(
      all.out
        .trim()
        .split("\n")
        .map((line) => line.trim().split(" ")[0]),
    ).toEqual(Object.keys(STAGES));
    const emulated = await command("--dry", "--emulated");
    expect(
      emulated.out
        .trim()
        .split("\n")
        .map((line) => line.trim().split(" ")[0]),
    ).toEqual(["environment", "build", "operators", "oracle", "training"]);
    expect(existsSync(path.join(folder, "run"))).toBe(false);
  });

  test.each([
    [["--only", "training,nothing"], "got nothing"],
    [["--emulated", "--only", "kernels"], "got kernels"],
    [["--seconds", "soon"], "got soon"],
    [["--wrong"], "--wrong"],
  ])("refuses %j with exit status 2", async (argv, message) => {
    const { status, err } = await command(...argv);
    expect(status).toBe(2);
    expect(err).toContain(message);
  });

  const gpu = findGpu();
  test.skipIf(gpu !== undefined)("exits 3 and says what to do where there is no GPU", async () => {
    const { status, err } = await command();
    expect(status).toBe(3);
    expect(err).toMatch(/Expected an NVIDIA GPU.*found none\.\nHint: --dry/);
    expect(existsSync(path.join(folder, "run"))).toBe(false);
  });

  describe("on the emulation", () => {
    beforeAll(buildTables, 300_000);

    test.skipIf(!HAS_SHARED)(
      "builds, judges every kernel, trains the reference case, then with CUDA graphs and without, and writes the summary",
      async () => {
        const { status, out } = await command("--emulated", "-o", "emulated");
        const stages = ["environment", "build", "operators", "oracle", "training"];
        const states = stages.map((name) => `${name} passed`).join(", ");
        expect(out).toBe(`emulated/summary.json: ${states}\n`);
        expect(status).toBe(0);
        const summary = readSummary("emulated");
        expect(summary.state).toBe("complete");
        expect(summary.command).toBe("npm run gpu -- --emulated");
        const [, , operators, oracle, training] = summary.stages;
        expect(operators!.results.length).toBeGreaterThanOrEqual(18);
        expect(operators!.results.filter((line) => line["wrong"] !== 0 || line["judged"] === 0)).toEqual([]);
        expect(oracle!.results).toEqual([
          {
            dtype: "float32",
            devices: "cuda:0,cuda:1",
            lossError: expect.any(Number),
            adapterError: expect.any(Number),
            ok: true,
          },
        ]);
        const graphs = (mode: string) => training!.results.find((line) => line["graphs"] === mode);
        expect(graphs("on")).toMatchObject({ mode: "fused", graphsCaptured: 2, graphsLaunched: 10, graphsRefused: 0 });
        expect(graphs("off")).toMatchObject({ mode: "fused", graphsCaptured: 0, graphsLaunched: 0 });
        expect(training!.results.at(-1)).toEqual({
          shape: "tiny",
          graphsOnAgainstOff: expect.any(Number),
          sameLoss: true,
        });
        expect(JSON.stringify(summary)).not.toContain(folder);
      },
      600_000,
    );

    test("keeps what it has when it is stopped", async () => {
      const argv = ["--emulated", "--only", "environment,operators", "-o", path.join(folder, "stopped")];
      const child = spawn(process.execPath, [packageFile("dist", "gpu", "run.js"), ...argv], { stdio: "pipe" });
      let told = "";
      await new Promise<void>((resolve, reject) => {
        child.once("exit", () => reject(new Error(`ended early: ${told}`)));
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          told += text;
          if (told.includes("operators: ")) resolve();
        });
      });
      child.removeAllListeners("exit");
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      expect((await ended)[0]).toBe(143);
      const summary = readSummary("stopped");
      expect(summary.state).toBe("interrupted");
      expect(summary.stages.map(({ state }) => state)).toEqual(["passed", "interrupted"]);
    }, 60_000);
  });
});

test("every group of the table is run", () => {
  const table = readFileSync(packageFile("native", "test", "cuda", "cuda_table.cc"), "utf8");
  const groups = [...table.matchAll(/\{"(\w+)", \w+Cases\}/g)].map(([, name]) => name);
  expect([...OPERATOR_GROUPS]).toEqual(groups);
});

test("judgements are counted by kernel, with the worst error and the lines that are wrong", () => {
  const judgements = collectJudgements();
  const line = { op: "rope", case: "c", schedule: "s", error: 1e-6, tolerance: 4e-6, ok: true };
  judgements.add(line);
  const wrong = { ...line, error: null, ok: false, message: "a fault" };
  judgements.add(wrong);
  judgements.add({ ...line, op: "embed", error: 0, tolerance: 0 });
  judgements.add({ device: "some card" });
  expect(judgements.results()).toEqual([
    { kernel: "embed", judged: 1, wrong: 0, worst: 0 },
    { kernel: "rope", judged: 2, wrong: 1, worst: 0.25 },
    wrong,
  ]);
  expect(judgements.wrong()).toBe(1);
});
