// @module-tag slow

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { packageFile } from "../../files/index.ts";
import { chosenStages, runGpuCommand } from "../../gpu/command.ts";
import { collectJudgements } from "../../gpu/judgements.ts";
import { findGpu } from "../../gpu/machine.ts";
import { OPERATOR_GROUPS } from "../../gpu/stages/operators.ts";
import { STAGES } from "../../gpu/stages/stages.ts";
import type { Summary } from "../../gpu/summary.ts";
import { buildTargets } from "../native/cuda-table.ts";

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

const readSummary = (name: string, suffix: string): Summary =>
  JSON.parse(readFileSync(path.join(folder, name, `summary${suffix}.json`), "utf8"));

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

  test("leaves what needs a call of its own to a call that names it, and says so", async () => {
    const whole = chosenStages(undefined, "gpu", false);
    expect(whole).toEqual(Object.keys(STAGES).filter((name) => name !== "sanitizer"));
    expect(chosenStages("sanitizer", "gpu", false)).toEqual(["sanitizer"]);
    expect((await command("--dry")).out).toMatch(/^ {2}sanitizer .*--only sanitizer$/m);
    expect((await command("--dry", "--only", "sanitizer")).out).toMatch(/^ {2}sanitizer .*\n$/);
    expect((await command("--help")).out).toContain("--only sanitizer");
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
    beforeAll(() => buildTargets("cuda_table"), 300_000);

    test("leaves the results of a whole run where only some stages run again", async () => {
      const results = path.join(folder, "whole");
      mkdirSync(results);
      writeFileSync(path.join(results, "summary.json"), "of a whole run");
      writeFileSync(path.join(results, "stages.tar.gz"), "of a whole run");
      const { status, out } = await command("--emulated", "--only", "environment", "-o", "whole");
      expect(status).toBe(0);
      expect(out).toBe("whole/summary-environment.json: environment passed\n");
      expect(readdirSync(results).sort()).toEqual([
        "stages-environment.tar.gz",
        "stages.tar.gz",
        "summary-environment.json",
        "summary.json",
      ]);
      expect(readFileSync(path.join(results, "summary.json"), "utf8")).toBe("of a whole run");
      expect(readFileSync(path.join(results, "stages.tar.gz"), "utf8")).toBe("of a whole run");
      expect(readSummary("whole", "-environment")).toMatchObject({
        command: "npm run gpu -- --emulated --only environment",
        state: "complete",
        archive: { file: "stages-environment.tar.gz", leftOut: [] },
      });
    });

    test.each([
      ["SIGTERM", 143],
      ["SIGINT", 130],
    ] as const)(
      "keeps what it has when it is stopped by %s",
      async (signal, status) => {
        const name = `stopped-${signal}`;
        const argv = ["--emulated", "--only", "environment,operators", "-o", path.join(folder, name)];
        const child = spawn(process.execPath, [packageFile("dist", "gpu", "run.js"), ...argv], { stdio: "pipe" });
        let told = "";
        await new Promise<void>((resolve, reject) => {
          child.once("exit", () => reject(new Error(`ended early: ${told}`)));
          child.stderr.setEncoding("utf8").on("data", (text: string) => {
            told += text;
            if (told.includes("operators: ") && told.includes("environment: passed")) resolve();
          });
        });
        // Until the first group has been judged.
        await vi.waitUntil(() => readSummary(name, "-environment-operators").stages[1]!.results.length > 0, 50_000);
        child.removeAllListeners("exit");
        const ended = once(child, "exit");
        child.kill(signal);
        expect((await ended)[0]).toBe(status);
        const summary = readSummary(name, "-environment-operators");
        expect(summary.state).toBe("interrupted");
        expect(summary.stages.map(({ state }) => state)).toEqual(["passed", "interrupted"]);
        expect(summary.stages[1]!.seconds).toBeGreaterThan(0);
        expect(summary.stages[1]!.results).toContainEqual(
          expect.objectContaining({ group: "elementwise", kernel: "rmsnorm", wrong: 0 }),
        );
        expect(told).toContain(`${signal}: stopped; summary-environment-operators.json holds what was found.`);
        const archive = "stages-environment-operators.tar.gz";
        expect(readdirSync(path.join(folder, name)).sort()).toEqual([archive, "summary-environment-operators.json"]);
        const listed = execFileSync("tar", ["-tzf", path.join(folder, name, archive)], { encoding: "utf8" });
        expect(listed.trim().split("\n").sort()).toEqual(["environment/log.txt", "operators/log.txt"]);
      },
      60_000,
    );
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
