import { rmSync } from "node:fs";
import path from "node:path";
import { createRng, maximum } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import { packageFile } from "../../files/index.ts";
import { DEFAULT_RHYTHM } from "../../runs/index.ts";
import {
  adaptersOf,
  carriedOut,
  journalOf,
  killedRun,
  type Resumable,
  servedJobs,
  trainedPlan,
} from "../killed-run.ts";
import { summarize } from "../measurement.ts";
import { outputOf } from "../own-process.ts";
import { startData } from "../start-data.ts";
import type { Bench, Scale, Suite } from "../suite.ts";

const MAIN = packageFile("dist", "cli", "main.js");

/** Moments at which runs are killed, and how many of them in one run at most. */
const KILLS: Readonly<Record<Scale, number>> = { full: 50, default: 16, quick: 4, tiny: 1 };
const KILLS_A_RUN = 6;
const STEPS: Readonly<Record<Scale, number>> = { full: 400, default: 400, quick: 200, tiny: 60 };
/** Steps of a job from one checkpoint to the next. */
const EVERY = 20;

function devices(): string {
  return nativeInfo().cores.length < 2 ? "cpu:0" : "cpu:0,cpu:1";
}

/** Kills something at random moments, resumes it each time, and compares its adapters with those of a run that was let be. */
async function measureKills({ scale, record }: Bench, kind: string, folder: string, what: Resumable): Promise<void> {
  await carriedOut(folder, "whole", what);
  const whole = adaptersOf(path.join(folder, "whole"));
  const madeAgain: number[] = [];
  const same: number[] = [];
  for (let run = 0; madeAgain.length < KILLS[scale]; run += 1) {
    const kills = Math.min(KILLS_A_RUN, KILLS[scale] - madeAgain.length);
    const killed = await killedRun(folder, what, {
      kills,
      most: STEPS[scale],
      rng: createRng(`kills of run ${run}`),
      options: ["--checkpoint-steps", `${EVERY}`],
    });
    madeAgain.push(...killed.madeAgain);
    same.push(adaptersOf(path.join(folder, "killed")) === whole ? 1 : 0);
  }
  const parameters = { killed: kind, jobs: 4, steps: STEPS[scale], kills: madeAgain.length };
  record({ name: "runs with the same bytes", parameters, ...summarize(same), unit: "share" });
  record({ name: "steps of all jobs made again, median", parameters, ...summarize(madeAgain), unit: "steps" });
  record({
    name: "at most",
    parameters,
    value: maximum(madeAgain),
    unit: "steps",
    repetitions: madeAgain.length,
    spread: null,
  });
}

/** Four adapters on two devices. */
async function measureKilledRun(bench: Bench): Promise<void> {
  using data = startData("tiny");
  const { folder } = data;
  const file = data.writeWorkload({ model: data.trained(), jobs: 4, steps: STEPS[bench.scale] });
  const plan = [MAIN, "plan", file, "--devices", devices(), "--output", "plan.json", "--quiet"];
  await outputOf("plan", process.execPath, plan, { cwd: folder });
  await measureKills(bench, "train", folder, trainedPlan("plan.json"));
}

/** The same four, which come over time and two of which train at once; those that come later go first. */
async function measureKilledFleet(bench: Bench): Promise<void> {
  using data = startData("tiny");
  const { folder } = data;
  const times = { arrivalSeconds: 0.2, priority: 1 };
  const file = data.writeWorkload({ model: data.trained(), jobs: 4, steps: STEPS[bench.scale], times });
  const options = ["--devices", devices(), "--pipelines", "1", "--jobs-at-once", "2"];
  await measureKills(bench, "serve", folder, servedJobs(file, options));
}

/** Seconds from a run's first action to its end. */
function trainingSeconds(run: string): number {
  const journal = journalOf(run);
  const timeOf = (event: string): number => Date.parse(journal.find((line) => line.event === event)!.time) / 1e3;
  return timeOf("ended") - timeOf("ready");
}

const ROUNDS: Readonly<Record<Scale, number>> = { full: 7, default: 3, quick: 2, tiny: 1 };

/** The same run without checkpoints and with many, in turns. */
async function measureCost({ scale, record }: Bench): Promise<void> {
  using data = startData(scale);
  const { folder } = data;
  // The tiny model's steps take a millisecond: a run of few would have ended before its first checkpoint is written.
  const steps = scale === "tiny" ? 300 : 10;
  const file = data.writeWorkload({ model: data.trained(), jobs: 4, steps });
  const plan = [MAIN, "plan", file, "--devices", devices(), "--output", "plan.json", "--quiet"];
  await outputOf("plan", process.execPath, plan, { cwd: folder });
  const written: number[] = [];
  const lost: number[] = [];
  for (let round = 0; round < ROUNDS[scale]; round += 1) {
    const seconds = { none: 0, many: 0 };
    for (const kind of round % 2 === 0 ? (["none", "many"] as const) : (["many", "none"] as const)) {
      const run = path.join(folder, "run");
      rmSync(run, { recursive: true, force: true });
      const options = kind === "none" ? ["--checkpoint-minutes", "0"] : ["--checkpoint-steps", "5"];
      await carriedOut(folder, run, trainedPlan("plan.json"), options);
      seconds[kind] = trainingSeconds(run);
      const checkpoints = journalOf(run).filter(({ event }) => event === "checkpoint");
      if (kind === "many") written.push(...checkpoints.map((line) => line.seconds!));
      if (kind === "many") lost.push((seconds.many - seconds.none) / Math.max(1, checkpoints.length));
    }
  }
  const parameters = { cost: "4 jobs", steps };
  const perInterval = (values: readonly number[]): readonly number[] =>
    values.map((value) => value / (60 * DEFAULT_RHYTHM.minutes));
  record({ name: "written in", parameters, ...summarize(written), unit: "s" });
  record({ name: "time that one takes", parameters, ...summarize(lost), unit: "s" });
  record({ name: "of the default interval", parameters, ...summarize(perInterval(written)), unit: "share" });
}

export const checkpoints: Suite = {
  describe: "runs that are killed at random moments and resumed: the same bytes; and what checkpoints cost",
  cases: ({ scale }) => [
    { name: "killed run", seconds: scale === "full" ? 600 : 150, run: measureKilledRun },
    { name: "killed fleet", seconds: scale === "full" ? 600 : 150, run: measureKilledFleet },
    { name: "cost", seconds: 60 * ROUNDS[scale], run: measureCost },
  ],
};
