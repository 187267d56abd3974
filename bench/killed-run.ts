import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeviceError, type Rng } from "../core/index.ts";
import { packageFile } from "../files/index.ts";

const MAIN = packageFile("dist", "cli", "main.js");

/** A line of a run's journal. */
interface JournalLine {
  readonly event: string;
  readonly time: string;
  /** Of a checkpoint. */
  readonly seconds?: number;
}

export function journalOf(run: string): readonly JournalLine[] {
  const file = path.join(run, "journal.jsonl");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as JournalLine);
}

/** Lines of metrics that a run has written. */
export function numSteps(run: string): number {
  const file = path.join(run, "metrics.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

/** The bytes of all adapters of a run, as text. */
export function adaptersOf(run: string): string {
  const folder = path.join(run, "adapters");
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(path.join(folder, name, "adapter_model.safetensors")).toString("base64"))
    .join();
}

/** How a command begins a run in a folder and goes on with it, and the file that is there once there is something to go on with. */
export interface Resumable {
  readonly words: readonly string[];
  /** Besides the folder. */
  readonly again: readonly string[];
  readonly whole: string;
}

/** `loratwin train` of a plan. */
export function trainedPlan(plan: string): Resumable {
  return { words: ["train", plan], again: [], whole: "plan.json" };
}

/** `loratwin serve` of a workload's jobs, which come over time. */
export function servedJobs(workload: string, options: readonly string[]): Resumable {
  const again = [workload, ...options, "--once"];
  return { words: ["serve", ...again], again, whole: "setting.json" };
}

/** A process, and what it says. */
export interface Started {
  readonly child: ChildProcess;
  readonly said: string[];
}

export function started(folder: string, words: readonly string[]): Started {
  const options = ["--no-cache", "--quiet", "--debug"];
  const child = spawn(process.execPath, [MAIN, ...words, ...options], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  child.stderr!.setEncoding("utf8").on("data", (text: string) => said.push(text));
  return { child, said };
}

export async function wellEnded({ child, said }: Started): Promise<void> {
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
  if (code !== 0) throw new DeviceError({ expected: "a run that ends well", got: code, detail: said.join("") });
}

/** A run to its end. @throws DeviceError where it does not end well */
export async function carriedOut(folder: string, run: string, what: Resumable, options: readonly string[] = []) {
  await wellEnded(started(folder, [...what.words, "--output", run, ...options]));
}

/** A run that was killed, and gone on with. */
export interface KilledRun {
  readonly kills: number;
  /** By kill, steps of all jobs that were written down and made again. */
  readonly madeAgain: readonly number[];
}

/**
 * Carries something out to its end, and kills the process (SIGKILL) at up to so many random moments, each some steps or
 * milliseconds after the last one; `most`: steps of all jobs between two at most.
 */
export async function killedRun(
  folder: string,
  what: Resumable,
  { kills, most, rng, options }: { kills: number; most: number; rng: Rng; options: readonly string[] },
): Promise<KilledRun> {
  const run = path.join(folder, "killed");
  rmSync(run, { recursive: true, force: true });
  const madeAgain: number[] = [];
  const begin = [...what.words, "--output", run, ...options];
  let own = started(folder, begin);
  while (madeAgain.length < kills) {
    const least = numSteps(run) + rng.nextInt(most);
    const { child } = own;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    while (child.exitCode === null && numSteps(run) < least) await sleep(2);
    await sleep(rng.nextInt(200));
    const isOver = child.exitCode !== null;
    child.kill("SIGKILL");
    await ended;
    if (isOver) break;
    // It had got to its end, and was killed before the process had.
    if (journalOf(run).at(-1)?.event === "ended") return { kills: madeAgain.length, madeAgain };
    const before = numSteps(run);
    const resumed = journalOf(run).length;
    const isThere = existsSync(path.join(run, what.whole));
    if (!isThere) rmSync(run, { recursive: true, force: true });
    own = started(folder, isThere ? ["resume", run, ...what.again, ...options] : begin);
    while (own.child.exitCode === null && journalOf(run).length <= resumed) await sleep(2);
    madeAgain.push(Math.max(0, before - numSteps(run)));
  }
  await wellEnded(own);
  return { kills: madeAgain.length, madeAgain };
}
