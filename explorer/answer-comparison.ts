// Scenes with a schedule that is simulated only: the jobs one after another, as other systems train them.
import { costsFacts } from "../calibration/index.ts";
import { canonicalJson, sum } from "../core/index.ts";
import type { PlanRequest } from "../plan/index.ts";
import { buildReportData, type ReportData } from "../reports/index.ts";
import {
  type ComparisonSchedule,
  comparisonRun,
  type JobsRun,
  jobsTrace,
  requireJobs,
  type SimulatedJobs,
  simulateJobs,
} from "../studies/index.ts";
import { type SceneAnswer, type StageAnswer, sceneRequest } from "./answer-scene.ts";
import { COMPARED_PARTS } from "./comparison.ts";
import { type EstimatedRun, sampledSteps, tokensOf } from "./first-estimate.ts";
import type { Question } from "./question.ts";
import type { Scene } from "./scene.ts";

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

interface AnsweredComparison {
  readonly answer: SceneAnswer;
  readonly report: ReportData;
}

function simulated(request: PlanRequest, schedule: ComparisonSchedule, maxEvents: number): AnsweredComparison {
  const run = comparisonRun(request, { schedule });
  requireJobs(run);
  const jobs = simulateJobs(run);
  const costs = costsFacts(run.platform.figures);
  const { trace } = jobsTrace(run, jobs, { maxEvents, calibrationHash: "", versions: {} });
  return {
    answer: {
      metrics: jobs.metrics,
      json: canonicalJson({ ...jobs.metrics, costs }),
      meanError: costs.meanError,
      ...(costs.source === undefined ? {} : { source: costs.source }),
      schedule,
      numPipelines: 1,
      numGroups: run.jobs.length,
      stages: stageAnswers(run, jobs),
      ways: [],
    },
    report: buildReportData({ title: "", traces: [trace] }),
  };
}

/** A scene with such a schedule. @throws InputError for a scene that it cannot have, PlanError for one that does not fit */
export function answerComparison(
  scene: Scene,
  schedule: ComparisonSchedule,
  calibration: string | undefined,
): AnsweredComparison {
  return simulated(sceneRequest(scene, calibration), schedule, MOST_EVENTS.whole);
}

/** The same from some steps of each job, evenly over it. @throws InputError, PlanError */
export function firstComparison(
  scene: Scene,
  schedule: ComparisonSchedule,
  { correction = 1, calibration }: Pick<Question, "correction" | "calibration">,
): AnsweredComparison & { readonly run: EstimatedRun } {
  const whole = sceneRequest(scene, calibration);
  const short = { ...whole, rows: whole.rows.map((rows) => sampledSteps(rows, SAMPLES)) };
  const first = simulated(short, schedule, MOST_EVENTS.first);
  const { jobs } = first.answer.metrics;
  const uncorrectedSeconds = sum(
    jobs.map(({ startSeconds, endSeconds, steps }, job) => {
      const all = whole.rows[job]!.steps.length;
      return ((endSeconds - startSeconds) * all) / steps;
    }),
  );
  const most = (of: PlanRequest): number => Math.max(...of.rows.map(({ steps }) => steps.length));
  return {
    ...first,
    run: {
      makespanSeconds: uncorrectedSeconds * correction,
      tokensPerSecond: tokensOf(whole) / (uncorrectedSeconds * correction),
      uncorrectedSeconds,
      simulatedSteps: most(short),
      steps: most(whole),
    },
  };
}
