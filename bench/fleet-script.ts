import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProbedState } from "../calibration/index.ts";
import { type FleetBytes, FreshState } from "../exec/index.ts";
import {
  type Calibration,
  createCostModel,
  type FleetWork,
  fleetSetting,
  type Job,
  type JournalLine,
  type OwnWorkCosts,
  type Plan,
  type PlannedJob,
  type PolicyName,
  Scheduler,
  type Segment,
  type Setting,
  type StatesRoom,
} from "../plan/index.ts";
import { ownWorkOf } from "../runs/folder/own-work.ts";
import { journalOfRun } from "../runs/folder/read-journal.ts";
import { readRun } from "../runs/folder/read-run.ts";
import { type RunSpeed, runSpeed } from "../runs/folder/run-speed.ts";
import { KnownWorks } from "../runs/live/known-works.ts";
import { LiveFleet } from "../runs/live/live-fleet.ts";
import { type LiveSubmission, OVER } from "../runs/live/live-job.ts";
import {
  type DeviceClock,
  type FleetRequest,
  type FleetTwin,
  fleetModel,
  fleetTwin,
  happeningsOf,
  withSameDecisions,
  worksOfPlan,
} from "../sim/index.ts";
import { benchModel, randomRows } from "./train.ts";
import { ATTENTION_TARGETS, benchPlan, type JobShape, type ModelShape, type PlanShape } from "./workload.ts";

/** How large the jobs of the suite `parity` are. */
export interface ParitySize {
  readonly model: ModelShape;
  /** Tokens of a row. */
  readonly length: JobShape["length"];
  /** Steps of the shortest job. */
  readonly steps: number;
}

/** A model and rows of which a fleet of a dozen jobs takes some seconds on two cores. */
export const SMALL_ROWS = {
  model: { hidden: 256, layers: 4, heads: 4, kvHeads: 4, intermediate: 704, vocabulary: 4096 },
  length: { distribution: "uniform", min: 48, max: 144 },
} as const satisfies Omit<ParitySize, "steps">;

/** What is said of a job beside its shape. */
type Said = Partial<Pick<Job, "priority" | "user" | "deadlineSeconds" | "earlyStopping">>;

export interface ScriptedJob extends Said {
  readonly rank: number;
  /** Of the shortest job's steps. */
  readonly times: number;
  /** When it comes, as a share of what all jobs are predicted to take together. */
  readonly at: number;
  readonly learningRate?: number;
}

/** Jobs over time, and what is asked for meanwhile, of jobs that are not over. */
export interface FleetScript {
  readonly jobs: readonly ScriptedJob[];
  readonly asked: readonly {
    readonly at: number;
    readonly job: number;
    readonly ask: (fleet: LiveFleet, name: string) => void;
  }[];
  /** The most jobs at once on a pipeline. */
  readonly most: number;
}

/** Ranks, lengths, users and priorities differ; the fourth job's learning rate makes its loss infinite. */
export const PARITY: FleetScript = {
  jobs: [
    { rank: 8, times: 3, at: 0 },
    { rank: 16, times: 2, at: 0, user: "b" },
    { rank: 4, times: 5, at: 0.02 },
    { rank: 8, times: 4, at: 0.04, user: "b", learningRate: 1e6, earlyStopping: true },
    { rank: 32, times: 1, at: 0.1, priority: 5 },
    { rank: 8, times: 6, at: 0.12 },
    { rank: 24, times: 2, at: 0.16, user: "c" },
    { rank: 4, times: 1, at: 0.24, priority: 9 },
    { rank: 12, times: 3, at: 0.28, user: "c" },
    { rank: 8, times: 2, at: 0.34, priority: 2 },
    { rank: 16, times: 4, at: 0.4, user: "b" },
    { rank: 8, times: 1, at: 0.46, deadlineSeconds: 3600 },
    { rank: 20, times: 2, at: 0.5, priority: 1, user: "c" },
  ],
  asked: [
    { at: 0.3, job: 5, ask: (fleet, name) => void fleet.cancel(name) },
    { at: 0.42, job: 10, ask: (fleet, name) => void fleet.setPriority(name, 8) },
    { at: 0.32, job: 2, ask: (fleet, name) => void fleet.pause(name) },
    { at: 0.6, job: 2, ask: (fleet, name) => void fleet.unpause(name) },
  ],
  most: 2,
};

/** Two jobs, one at once, that make way for each other so many times; 0 for one after the other. */
export function takingTurns(turns: number): FleetScript {
  return {
    jobs: [0, 1].map(() => ({ rank: 8, times: 12, at: 0 })),
    asked: Array.from({ length: turns }, (_, turn) => ({
      at: (0.8 * (turn + 1)) / (turns + 1),
      job: (turn + 1) % 2,
      ask: (fleet, name) => void fleet.setPriority(name, turn + 1),
    })),
    most: 1,
  };
}

/** A plan whose measured sizes are enough for the scripts' jobs. */
export function measuredShape({ model, length }: ParitySize): PlanShape {
  const shape = { targets: ATTENTION_TARGETS, batchSize: 4, length, steps: 6 };
  return {
    ...{ model, dtype: "float32", devices: [1, 1] },
    jobs: [4, 12, 20, 32].map((rank, job) => ({ ...shape, rank, microBatchSize: 1 + (job % 2) })),
  };
}

/** The plan in which the fleet's jobs are there from the start. */
export function scriptShape({ model, length, steps }: ParitySize, { jobs }: FleetScript, pipelines: number): PlanShape {
  return {
    model,
    dtype: "float32",
    devices: [1, 1],
    pipelines,
    jobs: jobs.map(({ rank, times }, job) => ({
      rank,
      targets: ATTENTION_TARGETS,
      batchSize: job % 2 === 0 ? 2 : 4,
      microBatchSize: job % 3 === 0 ? 1 : 2,
      length,
      steps: times * steps,
    })),
  };
}

/** A job as its workload's document has it. */
function documentOf(
  { dataDigest: _, ...job }: PlannedJob,
  { priority = 0, user, deadlineSeconds, earlyStopping }: Said,
): Job {
  return {
    ...job,
    arrivalSeconds: 0,
    priority,
    ...(user === undefined ? {} : { user }),
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
    ...(earlyStopping === undefined ? {} : { earlyStopping }),
  };
}

/** The jobs of a plan as they are submitted, each with what its script says of it. */
function submissionsOf(plan: Plan, jobs: readonly ScriptedJob[]): readonly LiveSubmission[] {
  const [works, rows] = [worksOfPlan(plan), randomRows(plan)];
  return jobs.map(({ learningRate, ...said }, number) => {
    const { job: planned, steps } = works[number]!;
    const { optimizer, priority } = { ...planned, ...said };
    const job = {
      ...planned,
      priority,
      optimizer: { ...optimizer, learningRate: learningRate ?? optimizer.learningRate },
    };
    return {
      job: documentOf(job, said),
      work: { job, steps },
      rows: rows[number]!,
      begin: () => ({ start: new FreshState(job, plan.model.architecture) }),
    };
  });
}

export interface ScriptRun {
  readonly size: ParitySize;
  readonly script: FleetScript;
  readonly policy: PolicyName;
  readonly pipelines: number;
  readonly calibration: Calibration;
  /** New. */
  readonly folder: string;
  /** Where jobs have their states that are on no device; in memory, in no time, when absent. */
  readonly states?: StatesRoom;
  /** As `FleetFolder` has it. */
  readonly probed?: ProbedState | undefined;
}

/** The jobs of a script as they are foretold: they come as planned, and nothing is asked of them. */
export function foretold({ size, script, policy, pipelines, calibration }: Omit<ScriptRun, "folder">): FleetRequest {
  const plan = benchPlan({ ...scriptShape(size, script, pipelines), calibration });
  const setting = fleetSetting(plan, { jobsAtOnce: script.most });
  const costs = createCostModel(calibration, plan.model.dtype);
  const members = worksOfPlan(plan).map(({ job, ...steps }, number) => {
    const { at, priority = job.priority, user = "", deadlineSeconds } = script.jobs[number]!;
    const arrivalNs = Math.round(1e9 * at * plan.predicted!.makespanSeconds);
    const deadlineNs = deadlineSeconds === undefined ? null : arrivalNs + 1e9 * deadlineSeconds;
    return { work: { job: { ...job, priority }, ...steps }, arrival: { user, deadlineNs, arrivalNs } };
  });
  return { setting, costs, members, policy, most: script.most };
}

/** What happened on the devices. */
export interface ExecutedScript {
  readonly setting: Setting;
  readonly most: number;
  /** By number. */
  readonly works: readonly FleetWork[];
  readonly journal: readonly JournalLine[];
  readonly segments: readonly Segment[];
  /** How fast its devices were. */
  readonly speed: RunSpeed;
  /** What JavaScript did on their cores; undefined where nobody counts. */
  readonly ownWork: OwnWorkCosts | undefined;
  /** What devices, and states of jobs on none, took at most. */
  readonly bytes: FleetBytes;
}

/** Trains the jobs as they come, and asks for what is asked; `loratwin serve` drives the same fleet. */
export async function executeScript({
  size,
  script: { jobs, asked, most },
  ...run
}: ScriptRun): Promise<ExecutedScript> {
  const { calibration, folder, pipelines, states, probed } = run;
  const plan = benchPlan({ ...scriptShape(size, { jobs, asked, most }, pipelines), calibration });
  const setting = { ...fleetSetting(plan, { jobsAtOnce: most }), ...(states === undefined ? {} : { states }) };
  const costs = createCostModel(calibration, plan.model.dtype);
  const works = new KnownWorks([]);
  // The fleet forgets the steps of a job that is over; its twin wants them.
  const submitted: FleetWork[] = [];
  const { resources, policyOf, timesOf } = fleetModel({ setting, costs, works: works.all, most });
  const policy = policyOf(run.policy);
  const model = { ...benchModel(plan.model.architecture), folder: "random", digest: "random" };
  const journal: JournalLine[] = [];
  {
    using fleet = await LiveFleet.open({
      sweeps: [],
      probed,
      rhythm: { minutes: 0, steps: 0, keep: 1 },
      ...{ place: { cwd: folder }, folder, setting, costs, model, policy, resources, works, jobsAtOnce: most },
      sharing: timesOf(policy).sharing,
    });
    fleet.subscribe((notice) => {
      if (notice.kind === "line") journal.push(notice.line);
    });
    const moments = [
      ...submissionsOf(plan, jobs).map((submission, number) => ({
        at: jobs[number]!.at,
        act() {
          fleet.submit(submission);
          submitted.push(submission.work);
        },
      })),
      ...asked.map(({ at, job, ask }) => ({
        at,
        act() {
          const { name } = plan.jobs[job]!;
          if (!OVER.includes(fleet.job(name).standing)) ask(fleet, name);
        },
      })),
    ].sort((a, b) => a.at - b.at);
    const ended = fleet.run();
    const fromMs = performance.now();
    for (const { at, act } of moments) {
      await sleep(Math.max(0, fromMs + 1e3 * at * plan.predicted!.makespanSeconds - performance.now()));
      act();
    }
    fleet.drain();
    await ended;
  }
  const bytes = journalOfRun(folder)
    .events.flatMap((line) => (line.event === "memory" ? [line.most] : []))
    .at(-1)!;
  const executed = readRun({ cwd: folder }, folder, "fleet");
  const { segments, events } = executed;
  const seen = { segments, speed: runSpeed(executed)!, ownWork: ownWorkOf(events), bytes };
  return { setting, most, works: submitted, journal, ...seen };
}

/** The same in a folder that is there no longer than it runs. */
export async function executeAndForget(run: Omit<ScriptRun, "folder">): Promise<ExecutedScript> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "loratwin-fleet-"));
  try {
    return await executeScript({ ...run, folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The twin of what was executed, on a machine as it was calibrated, or with the speeds that its devices had meanwhile. */
export function twinOf(
  { setting, most, works, journal }: ExecutedScript,
  policy: PolicyName,
  clocks?: readonly DeviceClock[],
): FleetTwin {
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const { resources, policyOf, timesOf } = fleetModel({ setting, costs, works, most });
  // Whoever decides knows no more of the machine than when it was executed.
  const deciding = policyOf(policy);
  const { sharing } = timesOf(deciding);
  const scheduler = new Scheduler(deciding, resources);
  const happenings = happeningsOf(journal);
  return fleetTwin({ setting, costs, works, scheduler, sharing, happenings, clocks });
}

/**
 * What was executed with the decisions that were taken, and the speeds that its devices had: the journal again. `ownWork`:
 * what JavaScript does on the devices' cores; nothing when absent.
 */
export function sameDecisionsOf(
  { setting, segments, journal, speed: { times, firstNs } }: ExecutedScript,
  ownWork?: OwnWorkCosts,
): readonly JournalLine[] {
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const all = ownWork === undefined ? costs : { ...costs, ownWork };
  return withSameDecisions({ setting, costs: all, segments, journal, times, firstNs });
}
