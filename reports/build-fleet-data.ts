import { mean } from "../core/index.ts";
import { type FleetHistory, fleetStory, type JobHistory, type Spent, timesOf } from "../plan/index.ts";
import { heldOutCurves, stepCurves } from "./build-report-data.ts";
import { type FleetFigure, type FleetPageJob, type FleetPart, SPAN_KINDS, type SpanTable } from "./fleet-data.ts";
import type { LossCurve } from "./report-data.ts";
import type { EvaluationRecord, LossRecord } from "./report-input.ts";
import { jobSamples, type SampleRecord } from "./samples-data.ts";

type Growing<Table> = { [Column in keyof Table]: Table[Column] extends readonly (infer Value)[] ? Value[] : never };

function pageJob(job: JobHistory, spent: Spent | undefined): FleetPageJob {
  const { request, startNs, endNs, outcome, why, preemptions } = job;
  const { name, user, priority, arrivalNs, deadlineNs, iterations } = request;
  return {
    ...{ name, user, priority, arrivalNs, deadlineNs, iterations, outcome, why, preemptions },
    done: job.iterations,
    startNs: startNs ?? null,
    endNs: endNs ?? null,
    ...timesOf(job),
    ...(spent === undefined ? {} : { spent }),
  };
}

function spanTable(jobs: readonly JobHistory[]): Pick<FleetPart, "spans" | "reasons"> {
  const spans: Growing<SpanTable> = { job: [], kind: [], startNs: [], endNs: [], pipeline: [], done: [], why: [] };
  const reasons = new Map<string, number>();
  jobs.forEach((job, index) => {
    for (const { kind, startNs, endNs, pipeline = -1, done, why } of job.spans) {
      if (!reasons.has(why)) reasons.set(why, reasons.size);
      spans.job.push(index);
      spans.kind.push(SPAN_KINDS.indexOf(kind));
      spans.startNs.push(startNs);
      spans.endNs.push(endNs);
      spans.pipeline.push(pipeline);
      spans.done.push(done);
      spans.why.push(reasons.get(why)!);
    }
  });
  return { spans, reasons: [...reasons.keys()] };
}

/** Steps of a job that a curve has points for; longer ones have as many means. */
const MOST_POINTS = 600;

function thinned({ job, step, loss }: LossCurve): LossCurve {
  const stride = Math.ceil(step.length / MOST_POINTS);
  if (stride <= 1) return { job, step, loss };
  const starts = step.flatMap((_, at) => (at % stride === 0 ? [at] : []));
  return {
    job,
    step: starts.map((at) => step[at]!),
    loss: starts.map((at) => mean(loss.slice(at, at + stride).filter((value) => value !== null))),
  };
}

/** Losses of a fleet's jobs, where they are numbers. */
function lossesOf({ jobs }: FleetHistory, records: readonly LossRecord[]): readonly LossCurve[] {
  const names = jobs.map(({ request }) => request.name);
  const numbers = records.filter(({ loss }) => Number.isFinite(loss));
  return stepCurves(numbers, names).map(thinned);
}

/**
 * A fleet as the page draws it, from what its journal tells; `figures` are made by whoever computes them. `losses`: of
 * a fleet that was executed.
 */
export function fleetPart(
  title: string,
  history: FleetHistory,
  figures: readonly FleetFigure[],
  told: {
    readonly losses?: readonly LossRecord[];
    readonly evaluations?: readonly EvaluationRecord[];
    readonly samples?: readonly SampleRecord[];
    /** What jobs took of devices, by name. */
    readonly spent?: ReadonlyMap<string, Spent>;
  } = {},
): FleetPart {
  const { losses, evaluations = [], samples = [] } = told;
  const names = history.jobs.map(({ request }) => request.name);
  return {
    ...(losses === undefined ? {} : { losses: lossesOf(history, losses) }),
    ...(evaluations.length === 0 ? {} : { heldOut: heldOutCurves(evaluations, names).map(thinned) }),
    ...(samples.length === 0 ? {} : { samples: jobSamples(samples, names) }),
    title,
    figures,
    jobs: history.jobs.map((job) => pageJob(job, told.spent?.get(job.request.name))),
    ...spanTable(history.jobs),
    numPipelines: history.numPipelines,
    endNs: history.endNs,
    story: fleetStory(history),
  };
}
