// The first answer to a change of adapters over time: one job of each kind is planned in the way of the last plan, with
// few steps, and the jobs train as fast as the bounds of their iterations allow, which nobody has to simulate.
import { InputError, PlanError } from "../core/index.ts";
import {
  type ConsideredWay,
  createCostModel,
  type FleetWork,
  type JobRows,
  type PlannedJob,
  type PlanRequest,
  type Policy,
  type PolicyName,
  partsOfStep,
  policyOf,
  type Resources,
} from "../plan/index.ts";
import {
  arrivalOf,
  type FleetMember,
  type FleetRequest,
  type KindFleet,
  planKinds,
  type SimulatedFleet,
  simulateFleet,
} from "../sim/index.ts";
import { type FleetAnswer, fleetAnswer } from "./answer-fleet.ts";
import { sceneRequest } from "./answer-scene.ts";
import { evenLayers, pipelinesAsBefore, sampledSteps, waysToTry } from "./first-estimate.ts";
import type { Question } from "./question.ts";
import { numJobs, type Scene } from "./scene.ts";
import { arrivalOfCopy, jobNames } from "./scene-documents.ts";

/** Steps of each kind of jobs that are planned: what the pipelines have room for follows from them. */
const PLANNED_STEPS = 2;
/** Steps of each kind of jobs that stand for all of them. */
const SAMPLES = 16;
/** Iterations of all jobs together that a scheduler decides about in some milliseconds. */
const MOST_ITERATIONS = 1000;

function unshared(resources: Resources): Policy {
  return { ...policyOf("packed", resources), sharesMicroBatches: false };
}

/** At most so many jobs at once on a pipeline, or as many as there is room for. */
const AT_ONCE = [Number.POSITIVE_INFINITY, 1, 2, 4];

/**
 * A fleet under a policy, in no time. Under `packed` the jobs keep their own micro-batches: that they share them saves a
 * part of the time, which only a simulation tells. `twin` chooses anew at every change, mostly the shortest jobs first with some number
 * at once: the best of these from beginning to end is about as good.
 */
function simulated(fleet: Omit<FleetRequest, "policy">, policy: PolicyName): SimulatedFleet {
  if (policy === "packed") return simulateFleet({ ...fleet, policy: unshared });
  if (policy !== "twin") return simulateFleet({ ...fleet, policy });
  const { most = Number.POSITIVE_INFINITY } = fleet;
  const all = AT_ONCE.filter((count) => count <= most || count === AT_ONCE[0]).map((count) =>
    simulateFleet({ ...fleet, policy: "sjf", most: Math.min(count, most) }),
  );
  const best = all.sort((a, b) => a.metrics.weightedTurnaroundSeconds - b.metrics.weightedTurnaroundSeconds)[0]!;
  return { ...best, policy };
}

/**
 * Pipelines for so many jobs of the kinds of a request, as many as in the last plan. @throws InputError, PlanError where
 * no way fits
 */
function pipelinesOf(kinds: PlanRequest, count: number, way: ConsideredWay | undefined): KindFleet {
  const jobs = Array.from({ length: count }, () => kinds.jobs[0]!);
  const short = {
    ...kinds,
    rows: kinds.rows.map((rows) => sampledSteps(rows, PLANNED_STEPS)),
    pipelines: pipelinesAsBefore({ ...kinds, jobs }, way?.numPipelines ?? 1),
  };
  let failure: unknown;
  for (const request of waysToTry(short, way)) {
    try {
      return planKinds({ ...request, ...evenLayers(request, 0) });
    } catch (error) {
      if (!(error instanceof PlanError || error instanceof InputError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** A job of some kind as it is planned, with steps that stand for all of its own. */
function workOf(job: PlannedJob, rows: JobRows): FleetWork {
  const own = sampledSteps(rows, SAMPLES);
  const members = [{ job: 0, firstStep: 0, packed: { rows: own, cut: job } }];
  return { job, steps: Array.from(own.steps, (_, step) => partsOfStep(members, step)) };
}

/** All jobs of the scene as they come; of their steps and of their times the same share. */
function membersOf(scene: Scene, works: readonly FleetWork[], share: number): readonly FleetMember[] {
  return scene.jobs.flatMap((kind, index) => {
    const { job, steps } = works[index]!;
    const { user, deadlineSeconds } = kind;
    const asked = { user, ...(deadlineSeconds === 0 ? {} : { deadlineSeconds: share * deadlineSeconds }) };
    const numSteps = Math.max(1, Math.round(share * kind.steps));
    return jobNames(kind).map((name, copy) => ({
      work: { job: { ...job, name, priority: kind.priority, steps: numSteps }, steps },
      arrival: arrivalOf(asked, share * arrivalOfCopy(kind, copy)),
    }));
  });
}

function timesLonger<Times extends { readonly mean: number }>(times: Times, factor: number): Times {
  return Object.fromEntries(Object.entries(times).map(([name, value]) => [name, value * factor])) as unknown as Times;
}

/** What took so many times less time. */
function stretched({ metrics, part }: FleetAnswer, factor: number): FleetAnswer {
  const { spans } = part;
  const ns = (time: number): number => Math.round(time * factor);
  const orNull = (time: number | null): number | null => (time === null ? null : ns(time));
  return {
    metrics: {
      ...metrics,
      turnaroundSeconds: timesLonger(metrics.turnaroundSeconds, factor),
      waitingSeconds: timesLonger(metrics.waitingSeconds, factor),
      makespanSeconds: metrics.makespanSeconds * factor,
    },
    part: {
      ...part,
      jobs: part.jobs.map((job) => ({
        ...job,
        arrivalNs: ns(job.arrivalNs),
        startNs: orNull(job.startNs),
        endNs: orNull(job.endNs),
        deadlineNs: orNull(job.deadlineNs),
        turnaroundNs: ns(job.turnaroundNs),
        waitedNs: ns(job.waitedNs),
        trainedNs: ns(job.trainedNs),
      })),
      spans: { ...spans, startNs: spans.startNs.map(ns), endNs: spans.endNs.map(ns) },
      endNs: ns(part.endNs),
    },
  };
}

/**
 * `way`: of the last plan's pipelines, where there was one, so that they are not searched. Jobs of very many steps are
 * simulated with fewer, coming so much sooner, and what comes of it is as many times longer.
 * @throws InputError, PlanError
 */
export function firstFleet(
  scene: Scene,
  policy: PolicyName,
  { way, calibration }: Pick<Question, "way" | "calibration">,
): FleetAnswer {
  const one = { ...scene, jobs: scene.jobs.map((kind) => ({ ...kind, copies: 1 })) };
  const kinds = sceneRequest(one, calibration);
  const { setting, kinds: planned } = pipelinesOf(kinds, numJobs(scene), way);
  const works = planned.map(({ job }, index) => workOf(job, kinds.rows[index]!));
  const iterations = scene.jobs.reduce((sum, { copies, steps }) => sum + copies * steps, 0);
  const share = Math.min(1, Math.max(MOST_ITERATIONS, numJobs(scene)) / iterations);
  const most = typeof scene.jobsAtOnce === "number" ? scene.jobsAtOnce : undefined;
  const fleet = {
    setting,
    costs: createCostModel(setting.calibration, setting.model.dtype),
    members: membersOf(scene, works, share),
    ...(most === undefined ? {} : { most }),
    pace: "bounds",
  } as const;
  return stretched(fleetAnswer(simulated(fleet, policy)), 1 / share);
}
