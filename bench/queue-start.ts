// A fleet with a queue of jobs, from the start of its process to the first step that it tells of.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeviceError } from "../core/index.ts";

export interface QueueStart {
  readonly seconds: number;
  /** The most memory that the process has had by then. */
  readonly residentBytes: number;
}

const EVERY_MS = 10;
const MOST_MS = 300_000;

function peakBytes(process: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${process}/status`, "utf8")) ?? [];
  return 1024 * Number(kibibytes);
}

/** Serves a workload until its first step, then kills it. @throws DeviceError where it ends before that, or never begins */
export async function queueStart(main: string, workload: string, folder: string, devices: string): Promise<QueueStart> {
  const run = path.join(folder, "queue");
  rmSync(run, { recursive: true, force: true });
  const metrics = path.join(run, "metrics.jsonl");
  const words = [main, "serve", workload, "--devices", devices, "--output", run, "--once", "--no-answers", "--quiet"];
  const env = { ...process.env, XDG_CACHE_HOME: path.join(folder, "cache") };
  const began = performance.now();
  const child = spawn(process.execPath, words, { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  child.stderr.on("data", (data: Buffer) => {
    told += data.toString();
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    while (child.exitCode === null && performance.now() - began < MOST_MS) {
      if (existsSync(metrics) && statSync(metrics).size > 0)
        return { seconds: (performance.now() - began) / 1e3, residentBytes: peakBytes(child.pid!) };
      await sleep(EVERY_MS);
    }
    throw new DeviceError({ expected: "a fleet that trains a step", got: child.exitCode, detail: told.trim() });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}
