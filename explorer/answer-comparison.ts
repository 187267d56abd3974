// Scenes with a schedule that is simulated only: the jobs one after another, as other systems train them.
import { costsFacts } from "../calibration/index.ts";
import { canonicalJson, sum } from "../core/index.ts";
import type { PlanRequest } from "../plan/index.ts";
import { buildReportData, type ReportData } from "../reports/index.ts";
import {
  type ComparisonSchedule,
  comparisonRun,
  type JobsRun,
  type JobsTrace,
  jobsTrace,
  jobsWay,
  requireJobs,
  type SimulatedJobs,
  simulateJobs,
} from "../studies/index.ts";
import { timeSpent } from "../traces/index.ts";
import { type SceneAnswer, type ShownWay, type StageAnswer, sceneRequest } from "./answer-scene.ts";
import { COMPARED_PARTS } from "./comparison.ts";
import { type EstimatedRun, sampledSteps, tokensOf } from "./first-estimate.ts";
import type { Question } from "./question.ts";
import type { Scene } from "./scene.ts";
import type { CutScene } from "./scene-in-way.ts";

/** Events of the timeline, or those of a step: what a browser shows at ease, and in no time. */
const MOST_EVENTS = { whole: 20_000, first: 1 } as const;

/** Steps of each job that stand for all of them; those of adapters that are alike are simulated once. */
const SAMPLES = 5;

/** What a device needs of its memory, and the part of the run in which it computes. */
function stageAnswers({ schedule, platform }: JobsRun, { needs, metrics }: SimulatedJobs): readonly StageAnswer[] {
  return metrics.devices.map(({ name, busySeconds, idleSeconds }, device) => {
    const { type, memoryBytes } = platform.devices[device]!;
    return {
      device: name,
      type,
      layers: COMPARED_PARTS[schedule],
      memoryBytes: needs[device]!.total,
      capacityBytes: memoryBytes,
      busyShare: busySeconds / (busySeconds + idleSeconds),
    };
  });
}

interface SimulatedComparison {
  readonly run: JobsRun;
  readonly jobs: SimulatedJobs;
  readonly answer: SceneAnswer;
}

function simulated(request: PlanRequest, schedule: ComparisonSchedule): SimulatedComparison {
  const run = comparisonRun(request, { schedule });
  requireJobs(run);
  const jobs = simulateJobs(run);
  const costs = costsFacts(run.platform.figures);
  const answer: SceneAnswer = {
    metrics: jobs.metrics,
    json: canonicalJson({ ...jobs.metrics, costs }),
    meanError: costs.meanError,
    ...(costs.source === undefined ? {} : { source: costs.source }),
    schedule,
    numPipelines: 1,
    numGroups: run.jobs.length,
    stages: stageAnswers(run, jobs),
    ways: [],
  };
  return { run, jobs, answer };
}

function traceOf({ run, jobs }: Pick<SimulatedComparison, "run" | "jobs">, part: keyof typeof MOST_EVENTS): JobsTrace {
  return jobsTrace(run, jobs, { maxEvents: MOST_EVENTS[part], calibrationHash: "", versions: {} });
}

/** Jobs with such a schedule, and the timeline of their first steps. */
export function comparisonReport(run: JobsRun, jobs: SimulatedJobs): ShownWay {
  const { trace, numSteps } = traceOf({ run, jobs }, "whole");
  const way = jobsWay(run, jobs, numSteps);
  return { way, report: buildReportData({ title: "", traces: [trace], ways: [way] }) };
}

/** A scene with such a schedule. @throws InputError for a scene that it cannot have, PlanError for one that does not fit */
export function answerComparison(
  scene: CutScene,
  schedule: ComparisonSchedule,
  calibration: string | undefined,
): ShownWay & { readonly answer: SceneAnswer } {
  const found = simulated(sceneRequest(scene, calibration), schedule);
  const { way, report } = comparisonReport(found.run, found.jobs);
  const json = canonicalJson({
    ...found.jobs.metrics,
    ...timeSpent(way),
    costs: costsFacts(found.run.platform.figures),
  });
  return {
    answer: { ...found.answer, json },
    way,
    report,
  };
}

/** The same from some steps of each job, evenly over it. @throws InputError, PlanError */
export function firstComparison(
  scene: Scene,
  schedule: ComparisonSchedule,
  { correction = 1, calibration }: Pick<Question, "correction" | "calibration">,
): { readonly answer: SceneAnswer; readonly report: ReportData; readonly run: EstimatedRun } {
  const whole = sceneRequest(scene, calibration);
  const short = { ...whole, rows: whole.rows.map((rows) => sampledSteps(rows, SAMPLES)) };
  const first = simulated(short, schedule);
  const { jobs } = first.answer.metrics;
  const uncorrectedSeconds = sum(
    jobs.map(({ startSeconds, endSeconds, steps }, job) => {
      const all = whole.rows[job]!.steps.length;
      return ((endSeconds - startSeconds) * all) / steps;
    }),
  );
  const most = (of: PlanRequest): number => Math.max(...of.rows.map(({ steps }) => steps.length));
  return {
    answer: first.answer,
    report: buildReportData({ title: "", traces: [traceOf(first, "first").trace] }),
    run: {
      makespanSeconds: uncorrectedSeconds * correction,
      tokensPerSecond: tokensOf(whole) / (uncorrectedSeconds * correction),
      uncorrectedSeconds,
      simulatedSteps: most(short),
      steps: most(whole),
    },
  };
}
