import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { askForFaults } from "../../files/index.ts";
import { type CliResult, printed, runCli, STAGE_LINES } from "../cli/run-cli.ts";

const JOBS = ["first", "second"] as const;
const MAIN = path.join(import.meta.dirname, "../../dist/cli/main.js");

/** A model of one layer in `model`. */
export async function initModel(folder: string, hiddenSize: number): Promise<void> {
  rmSync(path.join(folder, "model"), { recursive: true, force: true });
  const shape = ["--hidden-size", `${hiddenSize}`, "--layers", "1", "--heads", "2", "--kv-heads", "2"];
  await printed(["init-model", "model", ...shape], folder);
}

/** A model, rows, a workload of two jobs of 3 steps each, another one in which the second diverges, and a plan. */
export async function writeCase(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await initModel(folder, 32);
  const rows = Array.from({ length: 8 }, (_, row) => {
    const ids = Array.from({ length: 6 + (row % 3) }, (_, i) => (i * 5 + row) % 90);
    return JSON.stringify({ input_ids: ids, labels: ids });
  });
  writeFileSync(path.join(folder, "rows.jsonl"), `${rows.join("\n")}\n`);
  const write = (name: string, learningRate: number): void => {
    const defaults = {
      data: { path: "rows.jsonl", format: "tokens" },
      ...{ batchSize: 2, microBatchSize: 1, steps: 3, adapter: { rank: 2, alpha: 4, targets: ["q_proj"] } },
    };
    const jobs = JOBS.map((job) => (job === "second" ? { name: job, optimizer: { learningRate } } : { name: job }));
    const document = { kind: "workload", version: 1, model: { path: "model" }, defaults, jobs };
    writeFileSync(path.join(folder, name), JSON.stringify(document));
  };
  write("workload.json", 1e-4);
  write("diverging.json", 1e30);
  await printed(["plan", "workload.json", "--devices", "cpu:0", "--no-fuse", "--no-cache", "-o", "plan.json"], folder);
}

/** The bytes of each adapter of a run folder, by job. */
export function adaptersOf(run: string): ReadonlyMap<string, string> {
  const of = (job: string): string => path.join(run, "adapters", job, "adapter_model.safetensors");
  return new Map(JOBS.filter((job) => existsSync(of(job))).map((job) => [job, readFileSync(of(job)).toString("hex")]));
}

/** Names in a folder, deep, that no whole file has. */
export function tornNames(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return (readdirSync(folder, { recursive: true, encoding: "utf8" }) as string[]).filter((name) =>
    /\.partial/.test(name),
  );
}

/** Runs a command line with faults, in this process or one of its own. */
export async function runWithFaults(
  argv: readonly string[],
  folder: string,
  { faults, isApart = false }: { readonly faults?: string; readonly isApart?: boolean },
): Promise<CliResult> {
  if (!isApart) {
    askForFaults(faults);
    try {
      return await runCli(argv, folder);
    } finally {
      askForFaults(undefined);
    }
  }
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd: folder,
    env: { ...process.env, LORATWIN_FAULTS: faults ?? "" },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const numbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
  return await new Promise((resolve) => {
    child.on("close", (code, signal) =>
      resolve({ code: code ?? 128 + numbers[signal!]!, stdout, stderr: stderr.replace(STAGE_LINES, "") }),
    );
  });
}
