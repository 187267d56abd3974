import {
  evaluatesAfter,
  isJudgedAfter,
  type LossWatch,
  type PlannedJob,
  startWatch,
  watchLosses,
} from "../plan/index.ts";
import type { BestEvaluation, EvaluationMetrics } from "./evaluations.ts";
import type { AdapterPair } from "./peft.ts";
import type { RunEvent, RunListener } from "./run-event.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** What is told of a job's step. */
type StepEvent = Extract<RunEvent, { kind: "stepped" | "diverged" | "evaluated" | "sampled" }>;

/** Something that was told, with what was best of the job by then. */
interface Heard {
  readonly step: number;
  readonly event: StepEvent;
  readonly best: BestEvaluation | undefined;
}

interface Watched {
  readonly job: PlannedJob;
  /** Of its pipeline. */
  readonly numStages: number;
  watch: LossWatch;
  /** The last of its steps that was told, and those behind which it was evaluated, and has answered prompts; from 0. */
  last: number;
  evaluated: number;
  sampled: number;
  best: BestEvaluation | undefined;
  /** Whether that last one is a step that it is judged after, and was not yet. */
  isOpen: boolean;
  /** By such a step, what its update has left of the adapter on each stage. */
  readonly parts: Map<number, (readonly AdapterPair[])[]>;
  /** What is not told of later steps, until it is judged. */
  held: readonly Heard[];
}

/** The job's name or number, and the step. */
function stepOf(event: StepEvent): { readonly job: string | number; readonly step: number } {
  if (event.kind === "diverged") return { job: event.job, step: event.divergence.step };
  return event.kind === "sampled" ? event.sample : event.metrics;
}

/** Losses of steps that earlier parts of a run have made. */
export interface PastLosses {
  readonly metrics: readonly Pick<StepMetrics, "job" | "step" | "loss">[];
  readonly evaluations: readonly Pick<EvaluationMetrics, "job" | "step" | "evaluationLoss">[];
}

/** The watch that a job goes on with, by the losses of its steps before; undefined for one that nothing stops. */
export function watchOf(job: PlannedJob, { metrics, evaluations }: PastLosses): LossWatch | undefined {
  const { name, steps, optimizer, earlyStopping, firstStep = 0 } = job;
  if (earlyStopping === undefined) return undefined;
  const evaluated = new Map(evaluations.flatMap((row) => (row.job === name ? [[row.step, row.evaluationLoss]] : [])));
  return metrics
    .filter((row) => row.job === name && row.step < firstStep)
    .reduce(
      (watch, { step, loss }) => {
        const evaluation = evaluated.get(step);
        const seen = { iteration: step + 1, training: loss, ...(evaluation === undefined ? {} : { evaluation }) };
        return watchLosses(watch, seen).watch;
      },
      startWatch({ options: earlyStopping, steps, optimizer }),
    );
}

/**
 * Ends jobs of a plan whose losses say so, each behind one of the steps that it is judged after (`isJudgedAfter`): which
 * one follows from its losses alone, and not from how much its devices had in their queues by then. What these tell of
 * later steps waits until the job is judged, and is dropped where it ends. Its adapter is what the update of the judged
 * step has told.
 */
export class EarlyStops {
  readonly #tell: RunListener;
  readonly #bestOf: (job: number) => BestEvaluation | undefined;
  readonly #watched = new Map<number, Watched>();
  readonly #numbers = new Map<string, number>();
  /** Jobs that have ended, until nothing of them is left in the plan. */
  readonly #ended = new Set<number>();

  constructor(tell: RunListener, bestOf: (job: number) => BestEvaluation | undefined) {
    this.#tell = tell;
    this.#bestOf = bestOf;
  }

  /** A job comes that may end early. */
  begin(number: number, job: PlannedJob, numStages: number, watch: LossWatch): void {
    const last = (job.firstStep ?? 0) - 1;
    const best = this.#bestOf(number);
    const parts = new Map<number, (readonly AdapterPair[])[]>();
    const before = { last, evaluated: last, sampled: last, best, isOpen: false, parts, held: [] };
    this.#watched.set(number, { job, numStages, watch, ...before });
    this.#numbers.set(job.name, number);
  }

  /** A job comes that has ended early before. */
  wasEnded(job: number): void {
    this.#ended.add(job);
  }

  /** Whether a job has ended early. */
  has(job: number): boolean {
    return this.#ended.has(job);
  }

  forget(job: number): void {
    this.#watched.delete(job);
    this.#ended.delete(job);
  }

  /** Tells of a job's step, now or once it is known that the job makes it. */
  hear(event: StepEvent): void {
    const { job, step } = stepOf(event);
    const number = typeof job === "number" ? job : this.#numbers.get(job);
    if (number !== undefined && this.#ended.has(number)) return;
    const watched = number === undefined ? undefined : this.#watched.get(number);
    if (number === undefined || watched === undefined) {
      this.#tell(event);
      return;
    }
    watched.held = [...watched.held, { step, event, best: this.#bestOf(number) }];
    this.#goOn(number, watched);
  }

  /** An update has told what it left of a job's adapter on a stage. */
  addParameters(number: number, stage: number, step: number, parameters: readonly AdapterPair[]): void {
    const watched = this.#watched.get(number);
    if (watched === undefined || !isJudgedAfter(watched.job, step)) return;
    const parts = watched.parts.get(step) ?? [];
    watched.parts.set(step, parts);
    parts[stage] = parameters;
    this.#goOn(number, watched);
  }

  /** Devices may report in another order than that of the steps, which is that of the verdicts. */
  #goOn(number: number, watched: Watched): void {
    const { held, last, isOpen } = watched;
    const next =
      held.find(({ event, step }) => event.kind !== "stepped" && step <= last) ??
      (isOpen ? undefined : held.find(({ step }) => step === last + 1));
    if (next !== undefined) {
      watched.held = held.filter((each) => each !== next);
      this.#told(number, watched, next);
    } else if (isOpen && isKnown(watched)) this.#judge(number, watched);
    else return;
    if (this.#watched.has(number)) this.#goOn(number, watched);
  }

  #told(number: number, watched: Watched, { step, event, best }: Heard): void {
    const { job, watch } = watched;
    const iteration = step + 1;
    if (event.kind === "stepped") {
      watched.last = step;
      watched.isOpen = isJudgedAfter(job, step);
      watched.watch = watchLosses(watch, { iteration, training: event.metrics.loss }).watch;
    } else if (event.kind === "evaluated") {
      Object.assign(watched, { evaluated: step, best });
      watched.watch = watchLosses(watch, { iteration, evaluation: event.metrics.evaluationLoss }).watch;
    } else if (event.kind === "sampled") watched.sampled = step;
    // It has no adapter to end with.
    else this.#watched.delete(number);
    this.#tell(event);
  }

  #judge(number: number, watched: Watched): void {
    const { last: step, watch, parts, best } = watched;
    watched.isOpen = false;
    const adapter = parts.get(step)!.flat();
    parts.delete(step);
    if (watch.stop === null) return;
    this.#watched.delete(number);
    this.#ended.add(number);
    this.#tell({ kind: "ended", job: number, adapter, best, stopped: { step, why: watch.stop.why } });
  }
}

/** Whether all is there that a job is judged by, and ends with. */
function isKnown({ job: { evaluation, sample, steps }, last, evaluated, sampled, parts, numStages }: Watched): boolean {
  const isThere = (asked: { readonly everySteps: number } | undefined, seen: number): boolean =>
    asked === undefined || seen === last || !evaluatesAfter(asked, last, steps);
  return (
    isThere(evaluation, evaluated) &&
    isThere(sample, sampled) &&
    Object.keys(parts.get(last) ?? []).length === numStages
  );
}
