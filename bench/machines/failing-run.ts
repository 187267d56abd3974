// A run over several machines that is cut off in some way and gone on with, again and again, to its end.

import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeviceError, type Rng } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import { journalOf, numSteps } from "../killed-run.ts";
import { type MpiOutcome, MpiRun } from "./mpi-run.ts";
import type { Namespaces } from "./namespaces.ts";

const MAIN = packageFile("dist", "cli", "main.js");

/** Seconds in which a rank has to be heard of, in these runs. */
const SILENCE_SECONDS = 6;
/** A run that has not stopped by then hangs. */
const HANGS_SECONDS = 60;

/** What befalls a rank or its machine. */
export const FAILURES = ["killed rank", "cut link", "stopped rank"] as const;
export type Failure = (typeof FAILURES)[number];

export interface FailingInput {
  readonly namespaces: Namespaces;
  readonly folder: string;
  readonly plan: string;
  readonly run: string;
  readonly rng: Rng;
  /** Steps of all jobs from one failure to the next, at most. */
  readonly most: number;
}

interface Stopped {
  readonly failure: Failure;
  /** From the failure to the launcher's end. */
  readonly seconds: number;
  /** What rank 0 said. */
  readonly said: string;
}

function start({ namespaces, folder, plan, run }: FailingInput, resume: boolean): MpiRun {
  const what = resume ? ["resume", run] : ["train", plan, "--output", run];
  return new MpiRun({
    numRanks: namespaces.size,
    command: [process.execPath, MAIN, ...what, "--checkpoint-steps", "20", "--no-cache", "--quiet"],
    cwd: folder,
    namespaces,
    env: { LORATWIN_RANK_SILENCE_SECONDS: String(SILENCE_SECONDS) },
  });
}

/** Makes it happen to a rank; undone by what is returned. */
function strike({ namespaces }: FailingInput, own: MpiRun, failure: Failure, rank: number): () => void {
  if (failure === "cut link") {
    namespaces.cut(rank);
    return () => namespaces.join(rank);
  }
  const pid = own.pidOf(rank);
  if (pid === undefined) throw new DeviceError({ expected: `a process of rank ${rank}`, got: "none" });
  process.kill(pid, failure === "killed rank" ? "SIGKILL" : "SIGSTOP");
  return () => {
    if (failure === "stopped rank" && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
  };
}

/** The outcome, unless it takes so long that the run hangs. @throws DeviceError */
async function soon(own: MpiRun, what: string): Promise<MpiOutcome> {
  const outcome = await Promise.race([own.outcome, sleep(1000 * HANGS_SECONDS, undefined, { ref: false })]);
  if (outcome !== undefined) return outcome;
  throw new DeviceError({ expected: `a run that ends within ${HANGS_SECONDS} s`, got: `one that hangs after ${what}` });
}

/**
 * Trains a plan to its end while the failures befall it one after another, each at a random moment, and it is resumed each
 * time: how each of them ended. @throws DeviceError where a run hangs or does not end well
 */
export async function failingRun(input: FailingInput, failures: readonly Failure[]): Promise<readonly Stopped[]> {
  const { folder, rng, most, namespaces } = input;
  const run = path.join(folder, input.run);
  rmSync(run, { recursive: true, force: true });
  const stopped: Stopped[] = [];
  for (const failure of failures) {
    using own = start(input, existsSync(path.join(run, "plan.json")));
    const before = numSteps(run);
    const least = before + rng.nextInt(most);
    const ready = journalOf(run).filter(({ event }) => event === "ready").length;
    let isOver = false;
    void own.outcome.then(() => {
      isOver = true;
    });
    while (
      !isOver &&
      (journalOf(run).filter(({ event }) => event === "ready").length <= ready || numSteps(run) < least)
    )
      await sleep(5);
    if (isOver) {
      await wellEnded(own);
      return stopped;
    }
    const undo = strike(input, own, failure, rng.nextInt(namespaces.size));
    const from = performance.now();
    const { stderr } = await soon(own, failure);
    stopped.push({ failure, seconds: (performance.now() - from) / 1e3, said: stderr });
    undo();
    // It had got to its end, and was struck before its ranks had.
    if (journalOf(run).some(({ event }) => event === "ended")) return stopped;
  }
  using last = start(input, existsSync(path.join(run, "plan.json")));
  await wellEnded(last);
  return stopped;
}

async function wellEnded(own: MpiRun): Promise<void> {
  const { code, stderr } = await own.outcome;
  if (code !== 0) throw new DeviceError({ expected: "a run that ends well", got: code, detail: stderr });
}
