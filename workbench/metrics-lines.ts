import { canonicalJson, finite, InputError } from "../core/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../exec/index.ts";
import { type FileLines, jsonLines } from "../plan/index.ts";

/** A step as a line of metrics.jsonl. */
export function stepLine(metrics: StepMetrics): string {
  return canonicalJson({ ...metrics, loss: finite(metrics.loss), gradNorm: finite(metrics.gradNorm) });
}

/** An evaluation as such a line. */
export function evaluationLine(metrics: EvaluationMetrics): string {
  return canonicalJson({ ...metrics, evaluationLoss: finite(metrics.evaluationLoss) });
}

const STEP_KEYS = ["gradNorm", "job", "learningRate", "loss", "seconds", "step", "tokens"].join();
const EVALUATION_KEYS = ["best", "evaluationLoss", "job", "step", "tokens"].join();

/** What was not finite is null in a line, whether it was infinite or no number. */
const numberOf = (value: unknown): number => (value === null ? Number.NaN : (value as number));

/** Each kind in the order of its lines. */
export interface ReadMetrics {
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
}

/** The lines of metrics.jsonl, steps and evaluations. @throws InputError with the line that is none */
export function readMetrics(lines: FileLines, file: string): ReadMetrics {
  const metrics: StepMetrics[] = [];
  const evaluations: EvaluationMetrics[] = [];
  for (const { value, line } of jsonLines(lines, file)) {
    const got = typeof value === "object" && value !== null ? Object.keys(value).sort() : value;
    const keys = Array.isArray(got) ? got.join() : "";
    if (keys === STEP_KEYS) {
      const step = value as StepMetrics;
      metrics.push({ ...step, loss: numberOf(step.loss), gradNorm: numberOf(step.gradNorm) });
    } else if (keys === EVALUATION_KEYS) {
      const evaluation = value as EvaluationMetrics;
      evaluations.push({ ...evaluation, evaluationLoss: numberOf(evaluation.evaluationLoss) });
    } else throw new InputError({ expected: `the keys ${STEP_KEYS.replaceAll(",", ", ")}`, file, line, got });
  }
  return { metrics, evaluations };
}
