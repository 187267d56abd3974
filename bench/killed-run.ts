import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeviceError, type Rng } from "../core/index.ts";
import { packageFile } from "../workbench/package-file.ts";

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

function numSteps(run: string): number {
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

function started(folder: string, words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, "train", ...words, "--no-cache", "--quiet"], { cwd: folder, stdio: "ignore" });
}

/** A run to its end. @throws DeviceError where it does not end well */
export async function trained(folder: string, words: readonly string[]): Promise<void> {
  const child = started(folder, words);
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new DeviceError({ expected: "a run that ends well", got: code });
}

/** A run that was killed, and gone on with. */
export interface KilledRun {
  readonly kills: number;
  /** By kill, steps of all jobs that were written down and made again. */
  readonly madeAgain: readonly number[];
}

/**
 * Trains a plan to its end, and kills the process (SIGKILL) at up to so many random moments, each some steps or
 * milliseconds after the last one; `most`: steps of all jobs between two at most.
 */
export async function killedRun(
  folder: string,
  words: readonly string[],
  { kills, most, rng, options }: { kills: number; most: number; rng: Rng; options: readonly string[] },
): Promise<KilledRun> {
  const run = path.join(folder, "killed");
  rmSync(run, { recursive: true, force: true });
  const madeAgain: number[] = [];
  let child = started(folder, [...words, "--output", run, ...options]);
  while (madeAgain.length < kills) {
    const least = numSteps(run) + rng.nextInt(most);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    while (child.exitCode === null && numSteps(run) < least) await sleep(2);
    await sleep(rng.nextInt(200));
    const isOver = child.exitCode !== null;
    child.kill("SIGKILL");
    await ended;
    if (isOver) break;
    const before = numSteps(run);
    // Killed before its plan was written: there is nothing to go on with.
    const words2 = existsSync(path.join(run, "plan.json")) ? ["--resume", run] : [...words, "--output", run];
    child = started(folder, [...words2, ...options]);
    const resumed = journalOf(run).length;
    while (child.exitCode === null && journalOf(run).length <= resumed) await sleep(2);
    madeAgain.push(Math.max(0, before - numSteps(run)));
  }
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
  if (code !== 0) throw new DeviceError({ expected: "a run that ends well", got: code });
  return { kills: madeAgain.length, madeAgain };
}
