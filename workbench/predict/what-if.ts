import type { MachineMoves } from "../../calibration/index.ts";
import { PlanError } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import {
  budgetsOf,
  checkSizes,
  type PolicyName,
  roomTable,
  Scheduler,
  type Setting,
  workFacts,
} from "../../plan/index.ts";
import {
  arrivalOf,
  calibrationFactors,
  type EndSpread,
  type FleetMember,
  FleetRun,
  fleetModel,
  inOrderOfArrival,
  planAndPredict,
  simulatedJob,
  type WhatIfAnswer,
  whatIf,
} from "../../sim/index.ts";
import type { Outlook } from "../../traces/index.ts";
import { type LoadedJob, loadJob } from "../load/load-job.ts";
import type { RequestChoice } from "../load/load-request.ts";
import { fleetSamples, hasErrors, type IntervalChoice, LEVEL, movesOf } from "./predict-intervals.ts";
import { loadFleet, type WorkloadFleet } from "./simulate-fleet.ts";
import { workOfJob } from "./work-of-job.ts";

/** A job that comes to a workload's jobs. */
export interface Submission {
  /** The file with the job. */
  readonly file: string;
  /** When it comes; seconds of the fleet. */
  readonly atSeconds: number;
  readonly policy: PolicyName;
  /** No intervals where absent. */
  readonly intervals?: IntervalChoice | undefined;
}

/** What would happen, and to whom. */
export interface WhatIfOfWorkload {
  readonly name: string;
  readonly answer: WhatIfAnswer;
}

/** Why no plan of a job alone fits into a pipeline's devices, with what it would take of each; undefined where one does. */
function aloneTooLarge(
  { request, fleet: { setting } }: WorkloadFleet,
  { job, rows }: LoadedJob,
): PlanError | undefined {
  const { firstStage, endStage } = setting.pipelines[0]!;
  try {
    planAndPredict({
      ...{ ...request, jobs: [{ ...job, arrivalSeconds: 0 }], rows: [rows] },
      devices: setting.stages.slice(firstStage, endStage).map(({ device }) => setting.devices[device]!),
      links: setting.links.slice(firstStage, endStage - 1).map((link) => link!),
      ...({ groups: "unfused", pipelines: 1, jobsAtOnce: "all" } as const),
    });
    return undefined;
  } catch (error) {
    if (error instanceof PlanError) return error;
    throw error;
  }
}

/** Why the pipelines, which are as they are, have no room for what a job trains; undefined where one has. */
function tooLarge(setting: Setting, work: FleetMember["work"]): PlanError | undefined {
  const { sizes } = workFacts(work);
  let failure: PlanError | undefined;
  for (let pipeline = 0; pipeline < setting.pipelines.length; pipeline += 1) {
    try {
      checkSizes(setting, pipeline, { jobs: [work.job], sizes });
      return undefined;
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      failure ??= error;
    }
  }
  return failure;
}

function refusal(policy: PolicyName, { message, facts }: PlanError): WhatIfAnswer {
  const [sentence] = message.split("\n");
  return { admitted: false, policy, why: sentence!, ...(facts.detail === undefined ? {} : { detail: facts.detail }) };
}

/** What ends differ in, by what becomes of the machine. */
function spreadOf(
  { request: { calibration } }: WorkloadFleet,
  { policy, intervals }: Submission,
  moves: MachineMoves | undefined,
): (outlook: Outlook) => EndSpread {
  const seed = intervals?.seed ?? 0;
  const isExact = intervals === undefined || !hasErrors(calibration);
  return (outlook) => ({
    outlook,
    factors: calibrationFactors(calibration, seed, moves, outlook),
    draws: isExact ? 0 : fleetSamples(intervals, policy),
    level: LEVEL,
    seed,
  });
}

/** The fleet of a workload at a time, and what would happen if a job came then. */
function answer(
  loaded: WorkloadFleet,
  work: FleetMember["work"],
  job: LoadedJob["job"],
  submission: Submission,
  moves: MachineMoves | undefined,
): WhatIfAnswer {
  const { members, ...fleet } = loaded.fleet;
  const { setting } = fleet;
  const atNs = Math.round(submission.atSeconds * 1e9);
  const inOrder = inOrderOfArrival(members);
  const budgets = budgetsOf(job, loaded.loaded.workload.users, setting.devices);
  const submitted: FleetMember = { work, arrival: arrivalOf(job, submission.atSeconds, budgets) };
  // Machines know jobs by their numbers: the submitted one comes behind those that have come.
  const arrived = inOrder.filter(({ arrival }) => arrival.arrivalNs <= atNs);
  const all = [...arrived, submitted, ...inOrder.slice(arrived.length)];
  const { resources, policyOf, timesOf } = fleetModel({
    ...fleet,
    works: all.map((member) => member.work),
  });
  const policy = policyOf(submission.policy);
  const machines = { resources, times: timesOf(policy), isAhead: true };
  const run = new FleetRun(arrived.map(simulatedJob), new Scheduler(policy, resources), {
    ...machines,
    numPipelines: resources.numPipelines,
  });
  run.advance({ untilNs: atNs });
  const { state } = run.cut(atNs);
  const spread = spreadOf(loaded, submission, moves);
  return whatIf({
    now: { state, machines, policy, toCome: inOrder.slice(arrived.length).map(simulatedJob) },
    job: simulatedJob(submitted),
    spread: spread(moves?.now === undefined ? "been" : "now"),
    others: moves?.now && { alone: spread("alone"), been: spread("been") },
    memoryTable: () => roomTable(setting, work.job),
  });
}

/**
 * What would happen if a job came to the jobs of a workload while they train under a policy, in virtual time.
 * @throws InputError, PlanError for what is wrong with workload or job; a job that does not fit is refused instead
 */
export async function whatIfOfWorkload(
  context: Context,
  file: string,
  choice: RequestChoice,
  submission: Submission,
): Promise<WhatIfOfWorkload> {
  const loaded = await loadFleet(context, file, choice, submission.policy);
  const job = await loadJob(context, submission.file, loaded.loaded);
  const { name } = job.job;
  let work: FleetMember["work"];
  try {
    work = workOfJob(loaded.fleet.setting, job.job, job.rows);
  } catch (error) {
    if (error instanceof PlanError) return { name, answer: refusal(submission.policy, error) };
    throw error;
  }
  const failure = tooLarge(loaded.fleet.setting, work);
  if (failure !== undefined) return { name, answer: refusal(submission.policy, aloneTooLarge(loaded, job) ?? failure) };
  return {
    name,
    answer: await context.during("simulating", async () => {
      const { intervals } = submission;
      const { request, fleet } = loaded;
      const moves = intervals && (await movesOf(intervals, request.calibration, fleet.setting));
      return answer(loaded, work, job.job, submission, moves);
    }),
  };
}
