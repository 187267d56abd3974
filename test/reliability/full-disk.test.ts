import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";

const root = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");
const disk = path.join(root, "disk");
mkdirSync(disk);

function mounted(...words: readonly string[]): boolean {
  return spawnSync("mount", [...words, disk], { stdio: "ignore" }).status === 0;
}

function unmount(): void {
  spawnSync("umount", [disk], { stdio: "ignore" });
}

/** Only a user who may mount has a disk of a size to fill. */
const mayMount = mounted("-t", "tmpfs", "-o", "size=100k", "tmpfs");
unmount();

const STEPS = { first: 260, second: 160, third: 60 };
const OPTIONS = ["--devices", "cpu:0,cpu:1", "--pipelines", "1", "--jobs-at-once", "2", "--no-cache", "--once"];

beforeAll(async () => {
  await writeSmallInputs(root);
  const adapter = { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] };
  const data = { path: "rows.jsonl", format: "tokens" };
  const jobs = Object.entries(STEPS).map(([name, steps], index) => ({
    ...{ name, steps, data, adapter, batchSize: 4, microBatchSize: 2, seed: index, arrivalSeconds: 0.1 * index },
  }));
  const workload = { kind: "workload", version: 1, model: { path: "model" }, jobs };
  writeFileSync(path.join(root, "work.json"), JSON.stringify(workload));
  await printed(["serve", "work.json", "-o", "whole", ...OPTIONS], root);
}, 120_000);

afterEach(unmount);

const adaptersOf = (run: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(path.join(run, "adapters")).map((name) => [
      name,
      readFileSync(path.join(run, "adapters", name, "adapter_model.safetensors")).toString("base64"),
    ]),
  );

describe.skipIf(!mayMount)("a fleet on a disk that is full", () => {
  it.each([400, 700])(
    "ends with exit code 3 and what is missing, tears nothing, and has all adapters once there is room (%i KB)",
    { tags: ["slow"], timeout: 120_000 },
    async (kilobytes) => {
      expect(mounted("-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs")).toBe(true);
      const run = path.join(disk, "run");
      const often = ["--checkpoint-steps", "10"];
      // A process of its own, which is no more when its fleet is gone on with.
      const words = [program, "serve", "work.json", "-o", run, ...OPTIONS, ...often];
      const full = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
      expect(full.status).toBe(3);
      // What is the first to find the larger one full is a matter of time.
      if (kilobytes === 400) expect(full.stderr).toMatch(/Warning: no checkpoint could be written: ENOSPC/);
      expect(full.stderr).toMatch(
        /Expected a disk that takes all of the run \(adapters of \d of 3 jobs are written, not /,
      );
      const names = readdirSync(run, { recursive: true, encoding: "utf8" });
      expect(names.filter((name) => name.endsWith(".partial"))).toEqual([]);
      const whole = adaptersOf(path.join(root, "whole"));
      if (existsSync(path.join(run, "adapters"))) expect(whole).toMatchObject(adaptersOf(run));
      expect(mounted("-o", "remount,size=8m")).toBe(true);
      await printed(["resume", run, "work.json", ...OPTIONS], root);
      expect(adaptersOf(run)).toEqual(whole);
      await printed(["validate", run], root);
    },
  );
});
