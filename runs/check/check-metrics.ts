import { InputError } from "../../core/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../../exec/index.ts";
import { evaluatesAfter, type FileLines, learningRateAt, type PlannedJob } from "../../plan/index.ts";
import { metricsLines } from "../folder/metrics-lines.ts";

/** What metrics.jsonl is to have of a job. */
export interface RecordedJob extends Pick<PlannedJob, "name" | "steps" | "optimizer" | "evaluation" | "sample"> {
  /** Steps that it has to have, and the most that it may. */
  readonly least: number;
  readonly most: number;
  /** Evaluations, and samples, of all steps below this one have to be there. */
  readonly evaluatedUntil: number;
  /** Whether its last step may be one that is not finite: the job was stopped, or may be at any moment. */
  readonly mayStop: boolean;
  /** By step, the tokens of its rows, and of those that were held out for its evaluations. */
  readonly tokens: ReadonlyMap<number, number>;
  readonly heldOut: ReadonlyMap<number, number>;
}

/** The lowest of a job's evaluations. */
export interface LowestLoss {
  readonly step: number;
  readonly evaluationLoss: number;
}

/** What there is of a job so far. */
interface Seen {
  steps: number;
  /** Of the step that was evaluated last; -1 before. */
  evaluated: number;
  lowest: LowestLoss | undefined;
  /** Where a step was not finite: its line. */
  notFinite: number | undefined;
}

/** Share of the highest rate by which a cosine of another system's library may make one differ. */
const LEARNING_RATE_TOLERANCE = 1e-12;

type Refuse = (expected: string, got: unknown, at?: string) => never;

function nextEvaluation({ evaluation, steps }: RecordedJob, after: number): number {
  for (let step = after + 1; evaluation !== undefined && step < steps; step += 1)
    if (evaluatesAfter(evaluation, step, steps)) return step;
  return steps;
}

function addStep(job: RecordedJob, seen: Seen, metrics: StepMetrics, line: number, refuse: Refuse): void {
  const { name, most, steps, optimizer } = job;
  const { step, tokens, learningRate, loss, gradNorm } = metrics;
  if (step !== seen.steps) refuse(`step ${seen.steps} of job ${name}`, `step ${step}`);
  if (step >= most) refuse(`at most ${most} steps of job ${name}`, `step ${step}`);
  if (seen.notFinite !== undefined)
    refuse(`no step of job ${name} behind one that is not finite (line ${seen.notFinite})`, `step ${step}`);
  const planned = job.tokens.get(step);
  if (planned !== tokens) refuse(`${planned} tokens of job ${name}, as they are planned`, tokens, "tokens");
  const rate = learningRateAt(optimizer, step, steps);
  if (Math.abs(learningRate - rate) > LEARNING_RATE_TOLERANCE * optimizer.learningRate)
    refuse(`the learning rate of job ${name}, ${rate}`, learningRate, "learningRate");
  if (Number.isNaN(loss) || Number.isNaN(gradNorm)) {
    if (!job.mayStop)
      refuse(`numbers of job ${name}, which was not stopped`, null, Number.isNaN(loss) ? "loss" : "gradNorm");
    seen.notFinite = line;
  }
  seen.steps += 1;
}

function addEvaluation(job: RecordedJob, seen: Seen, metrics: EvaluationMetrics, refuse: Refuse): void {
  const { name } = job;
  const { step, tokens, evaluationLoss, best } = metrics;
  const next = nextEvaluation(job, seen.evaluated);
  if (step !== next || next >= job.most)
    refuse(
      next < job.most ? `the evaluation of job ${name} after its step ${next}` : `no evaluation of job ${name}`,
      `step ${step}`,
    );
  const planned = job.heldOut.get(step);
  if (planned !== tokens) refuse(`${planned} tokens held out of job ${name}, as they are planned`, tokens, "tokens");
  const isNumber = !Number.isNaN(evaluationLoss);
  const isLower = seen.lowest === undefined || evaluationLoss < seen.lowest.evaluationLoss;
  // What is not finite is written as null, and may have been the lowest as infinity.
  if (isNumber && best !== isLower) refuse(`${isLower} of job ${name}, by its evaluations before`, best, "best");
  if (isNumber && isLower) seen.lowest = { step, evaluationLoss };
  seen.evaluated = step;
}

/**
 * Whether metrics.jsonl has each step of each job once, in order, with the tokens and the learning rate that are planned,
 * the evaluations that are due, and nothing else. `isWhole`: nobody writes it any more. Returns the lowest evaluations.
 * @throws InputError with the first line that is wrong, or what is missing at the end
 */
export function checkMetrics(
  lines: FileLines,
  file: string,
  jobs: ReadonlyMap<string, RecordedJob>,
  isWhole: boolean,
): ReadonlyMap<string, LowestLoss> {
  const all = new Map(
    [...jobs].map(([name]): [string, Seen] => [
      name,
      { steps: 0, evaluated: -1, lowest: undefined, notFinite: undefined },
    ]),
  );
  let torn: number | undefined;
  for (const { line, metrics } of metricsLines(lines, file, (at) => {
    torn = at;
  })) {
    const refuse: Refuse = (expected, got, at) => {
      throw new InputError({ expected, file, line, got, ...(at === undefined ? {} : { at }) });
    };
    const job = jobs.get(metrics.job) ?? refuse("a job of the run", metrics.job, "job");
    const seen = all.get(job.name)!;
    if ("loss" in metrics) addStep(job, seen, metrics, line, refuse);
    else addEvaluation(job, seen, metrics, refuse);
  }
  if (isWhole && torn !== undefined)
    throw new InputError({ expected: "a line that was written to its end", file, line: torn, got: "a part of one" });
  for (const [name, job] of jobs) {
    const { steps, evaluated } = all.get(name)!;
    if (steps < job.least)
      throw new InputError({ expected: `${job.least} steps of job ${name}`, file, got: `${steps}` });
    const next = nextEvaluation(job, evaluated);
    if (next < job.evaluatedUntil)
      throw new InputError({ expected: `the evaluation of job ${name} after its step ${next}`, file, got: "none" });
  }
  return new Map([...all].flatMap(([name, { lowest }]) => (lowest === undefined ? [] : [[name, lowest] as const])));
}
