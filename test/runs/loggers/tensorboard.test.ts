import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StepMetrics } from "../../../exec/index.ts";
import type { LoggedJob } from "../../../runs/loggers/logged-job.ts";
import { TensorBoardLog } from "../../../runs/loggers/tensorboard.ts";
import { eventFiles, type Scalar, shownScalars } from "./read-events.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "loratwin-events-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const JOB: LoggedJob = { name: "math", batchSize: 2, steps: 10, done: 0, trainingRows: 8, settings: { rank: 4 } };

interface Log {
  readonly log: TensorBoardLog;
  readonly failures: readonly string[];
  step(step: number, facts?: Partial<StepMetrics>): void;
}

/** A log whose clock is this one, in seconds since 1970. */
function logAt(now: () => number, job: Partial<LoggedJob> = {}): Log {
  const failures: string[] = [];
  const log = new TensorBoardLog({ folder, model: {}, onFailure: (why) => failures.push(why), now });
  log.came({ ...JOB, ...job });
  const facts = { job: "math", loss: 2, gradNorm: 1, learningRate: 0.5, tokens: 9, seconds: 0.25 };
  return {
    ...{ log, failures },
    step: (step, own = {}) => log.hear({ kind: "stepped", metrics: { ...facts, step, ...own }, endNs: 0 }),
  };
}

const stepsOf = (scalars: readonly Scalar[]): readonly number[] =>
  scalars.flatMap(([tag, step]) => (tag === "train/loss" ? [step] : []));
const shown = (): readonly Scalar[] => shownScalars(path.join(folder, "math"));

describe("a log for TensorBoard", () => {
  it("writes nothing of a job before its first step, nor of one that it does not know", () => {
    const { log, step } = logAt(() => 5);
    step(0, { job: "nobody" });
    log.over("math");
    log[Symbol.dispose]();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("writes about once a second, and all that there is when states are told", () => {
    let seconds = 100;
    const { log, step } = logAt(() => seconds);
    const completed = (): void => log.hear({ kind: "completed", batch: [] });
    step(0);
    completed();
    expect(stepsOf(shown())).toEqual([1]);
    step(1);
    completed();
    expect(stepsOf(shown())).toEqual([1]);
    seconds += 1;
    completed();
    expect(stepsOf(shown())).toEqual([1, 2]);
    step(2);
    log.hear({ kind: "states", states: new Map() });
    expect(stepsOf(shown())).toEqual([1, 2, 3]);
  });

  it("shows no step twice of a run that was killed, where it goes on, even within one second", () => {
    const first = logAt(() => 100);
    for (const step of [0, 1, 2, 3, 4]) first.step(step);
    first.log.write();
    const second = logAt(() => 100.5, { done: 3 });
    for (const step of [3, 4, 5]) second.step(step, { loss: 7 });
    second.log.write();
    expect(eventFiles(path.join(folder, "math")).length).toBe(2);
    expect(shown().filter(([tag]) => tag === "train/loss")).toEqual(
      [2, 2, 2, 7, 7, 7].map((loss, step) => ["train/loss", step + 1, loss]),
    );
    // One that begins anew has nothing of before, its description included.
    const third = logAt(() => 90);
    third.step(0);
    third.log.write();
    expect(stepsOf(shown())).toEqual([1]);
    const last = eventFiles(path.join(folder, "math")).at(-1)!;
    expect(last[1]).toMatchObject({ step: 0, isRestart: true });
  });

  it("sums a job up that has made all its steps, and no other", () => {
    let seconds = 10;
    const { log, step } = logAt(() => seconds, { steps: 3, done: 1 });
    step(1, { loss: 3, seconds: 1 });
    seconds = 13;
    step(2, { loss: 5 });
    log.over("math");
    const ends = shown().slice(-5);
    expect(ends).toEqual([
      ["train/train_runtime", 3, 4],
      ["train/train_samples_per_second", 3, 1],
      ["train/train_steps_per_second", 3, 0.5],
      ["train/train_loss", 3, 4],
      ["train/epoch", 3, 0.75],
    ]);
    const other = logAt(() => 20);
    other.step(0);
    other.log[Symbol.dispose]();
    expect(shown().some(([tag, step]) => tag === "train/train_loss" && step !== 3)).toBe(false);
  });

  it("has TRL's tags where answers are compared, without what is not known", () => {
    const { log, step } = logAt(() => 5);
    const preference = {
      ...{ rewardChosen: 1, rewardRejected: -1, margin: 2, accuracy: 1, logpChosen: -4, logpRejected: -6 },
      ...{ nll: null, kl: null },
    };
    step(0, { preference });
    log.write();
    expect(shown().map(([tag]) => tag)).toEqual([
      ...["train/loss", "train/grad_norm", "train/learning_rate", "train/rewards/chosen", "train/rewards/rejected"],
      ...["train/rewards/accuracies", "train/rewards/margins", "train/logps/chosen", "train/logps/rejected"],
      "train/epoch",
    ]);
  });

  it("tells once of a disk that takes nothing, and writes all when it does again", () => {
    // A file is where the folder would have to be.
    writeFileSync(path.join(folder, "math"), "");
    const { log, step, failures } = logAt(() => 5);
    step(0);
    log.write();
    step(1);
    log.write();
    expect(failures.length).toBe(1);
    expect(failures[0]).toMatch(/^math: E/);
    rmSync(path.join(folder, "math"));
    log.write();
    expect(stepsOf(shown())).toEqual([1, 2]);
  });
});
