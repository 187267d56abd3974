import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeAll, expect, it } from "vitest";
import { WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { TWO_MACHINES } from "./two-machines.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const before = { ...process.env };

/** A task of a step of Slurm that MPI is not told of. */
const STEP = { SLURM_JOB_ID: "7", SLURM_PROCID: "0", SLURM_STEP_ID: "0", SLURM_STEP_NUM_TASKS: "2" };
/** The script of a job, which no step is. */
const SCRIPT = { SLURM_JOB_ID: "7", SLURM_PROCID: "0", SLURM_NTASKS: "2" };

beforeAll(async () => {
  writeShared(root);
  writeFileSync(at("w.yaml"), WORKLOAD.replaceAll("../", ""));
  writeFileSync(at("two.yaml"), TWO_MACHINES);
  const plan = ["plan", "w.yaml", "--pipelines", "1", "--no-intervals"];
  await printed([...plan, "--cluster", "two.yaml", "-o", "two.json"], root);
  await printed([...plan, "--devices", "cpu:0", "-o", "one.json"], root);
});

afterEach(() => {
  process.env = { ...before };
});

const COMMANDS = [
  ["train", "two.json"],
  ["train", "w.yaml", "--cluster", "two.yaml", "--pipelines", "1"],
  ["serve", "w.yaml", "--cluster", "two.yaml", "--once"],
];

it.each(COMMANDS)(
  "%s %s of two machines is refused before it writes, and is told how ranks are started",
  async (...words) => {
    for (const [environment, got] of [
      [STEP, '"2 processes that do not find each other"'],
      [SCRIPT, "1"],
    ] as const) {
      Object.assign(process.env, environment);
      const { code, stdout, stderr } = await runCli([...words, "-o", "run"], root);
      expect(stderr).toContain(`Expected 2 ranks, one for each machine of the plan (left, right), got ${got}.\nHint: `);
      expect(stderr).toMatch(/`srun --mpi=pm/);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(existsSync(at("run"))).toBe(false);
      process.env = { ...before };
    }
  },
);

it("tasks of a step that have a plan of one machine each train it, and leave a folder to who has it", async () => {
  Object.assign(process.env, STEP);
  await printed(["train", "one.json", "-o", "own", "--quiet"], root);
  const journal = readFileSync(at("own", "journal.jsonl"), "utf8");
  const { code } = await runCli(["train", "one.json", "-o", "own", "--quiet"], root);
  expect(code).toBe(2);
  expect(readFileSync(at("own", "journal.jsonl"), "utf8")).toBe(journal);
});
