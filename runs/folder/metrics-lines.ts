import { canonicalJson, finite, InputError, isMapping } from "../../core/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../../exec/index.ts";
import { type FileLines, jsonLines } from "../../plan/index.ts";

/** A step as a line of metrics.jsonl. */
export function stepLine(metrics: StepMetrics): string {
  const [loss, gradNorm] = [finite(metrics.loss), finite(metrics.gradNorm)];
  return canonicalJson({ ...metrics, loss, gradNorm, ...finiteMeasures(metrics) });
}

/** An evaluation as such a line. */
export function evaluationLine(metrics: EvaluationMetrics): string {
  const { base, evaluationLoss } = metrics;
  return canonicalJson({
    ...{ ...metrics, evaluationLoss: finite(evaluationLoss), ...finiteMeasures(metrics) },
    ...(base === undefined ? {} : { base: { ...base, loss: finite(base.loss) } }),
  });
}

/** What a loss that compares answers tells, null where it is not finite. */
function finiteMeasures({ preference }: Pick<StepMetrics, "preference">) {
  if (preference === undefined) return {};
  const numbers = Object.entries(preference).map(([key, value]) => [key, finite(value ?? undefined)]);
  return { preference: Object.fromEntries(numbers) as Record<string, number | null> };
}

/** Of a job whose loss compares answers a line has this key, too. */
const PREFERENCE = "preference";
const PREFERENCE_KEYS = [
  ...["accuracy", "kl", "logpChosen", "logpRejected", "margin", "nll", "rewardChosen", "rewardRejected"],
].join();
/** Of an evaluation: its rows and the base's loss, where it has them. */
const OF_ROWS: ReadonlySet<string> = new Set(["base", "blocks"]);
const STEP_KEYS = ["gradNorm", "job", "learningRate", "loss", "seconds", "step", "tokens"].join();
const EVALUATION_KEYS = ["best", "evaluationLoss", "job", "step", "tokens"].join();

const isMeasure = (value: unknown): boolean => typeof value === "number" && value >= 0;
const isLoss = (value: unknown): boolean => value === null || isMeasure(value);
const isNumber = (value: unknown): boolean => value === null || typeof value === "number";
const isPreference = (value: unknown): boolean =>
  isMapping(value) && Object.keys(value).sort().join() === PREFERENCE_KEYS && Object.values(value).every(isNumber);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isBlocks = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((each) => Array.isArray(each) && each.length === 2 && isNumber(each[0]) && isCount(each[1]));

/** What each field of a line has to be, in words. What was not finite is null, whether it was infinite or no number. */
const FIELDS: Readonly<Record<string, readonly [test: (value: unknown) => boolean, expected: string]>> = {
  job: [(value) => typeof value === "string", "the name of a job"],
  step: [isCount, "a step, from 0"],
  tokens: [isCount, "a number of tokens"],
  best: [(value) => typeof value === "boolean", "true or false"],
  seconds: [isMeasure, "a number of seconds"],
  learningRate: [isMeasure, "a learning rate"],
  loss: [isLoss, "a loss, or null"],
  evaluationLoss: [isLoss, "a loss, or null"],
  gradNorm: [isLoss, "a gradient's norm, or null"],
  blocks: [isBlocks, "pairs of a loss and a number of tokens"],
  base: [
    (value) => isMapping(value) && isLoss(value["loss"]) && isBlocks(value["blocks"]),
    "the base's loss, and its blocks",
  ],
  [PREFERENCE]: [isPreference, `numbers, or null, of ${PREFERENCE_KEYS.replaceAll(",", ", ")}`],
};

const LOSSES: ReadonlySet<string> = new Set(["loss", "evaluationLoss"]);

/** @throws InputError for the first field that is none */
function checkFields(
  value: Readonly<Record<string, unknown>>,
  place: { readonly file: string; readonly line: number },
) {
  // What compares answers may be less than 0.
  const isCompared = PREFERENCE in value;
  for (const [at, got] of Object.entries(value)) {
    const [isRight, expected] = isCompared && LOSSES.has(at) ? [isNumber, FIELDS[at]![1]] : FIELDS[at]!;
    if (!isRight(got)) throw new InputError({ expected, at, got, ...place });
  }
}

const numberOf = (value: unknown): number => (value === null ? Number.NaN : (value as number));

/** A line of metrics.jsonl, and where it is. */
export interface MetricsLine {
  /** From 1. */
  readonly line: number;
  readonly metrics: StepMetrics | EvaluationMetrics;
}

/** Line by line, without a last one that was not written to its end. @throws InputError with the line that is none */
export function* metricsLines(lines: FileLines, file: string, onTorn?: (line: number) => void): Generator<MetricsLine> {
  for (const { value, line } of jsonLines(lines, file, onTorn)) {
    const got = typeof value === "object" && value !== null ? Object.keys(value).sort() : value;
    const keys = Array.isArray(got) ? got.filter((key) => key !== PREFERENCE && !OF_ROWS.has(key)).join() : "";
    const isStep = keys === STEP_KEYS && !Object.keys(value as object).some((key) => OF_ROWS.has(key));
    if (!isStep && keys !== EVALUATION_KEYS)
      throw new InputError({ expected: `the keys ${STEP_KEYS.replaceAll(",", ", ")}`, file, line, got });
    checkFields(value as Readonly<Record<string, unknown>>, { file, line });
    if (isStep) {
      const step = value as StepMetrics;
      yield { line, metrics: { ...step, loss: numberOf(step.loss), gradNorm: numberOf(step.gradNorm) } };
    } else {
      const evaluation = value as EvaluationMetrics;
      const { base, evaluationLoss } = evaluation;
      yield {
        line,
        metrics: {
          ...{ ...evaluation, evaluationLoss: numberOf(evaluationLoss) },
          ...(base === undefined ? {} : { base: { ...base, loss: numberOf(base.loss) } }),
        },
      };
    }
  }
}

/** Each kind in the order of its lines. */
export interface ReadMetrics {
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
}

/** The lines of metrics.jsonl, steps and evaluations. @throws InputError with the line that is none */
export function readMetrics(lines: FileLines, file: string): ReadMetrics {
  const metrics: StepMetrics[] = [];
  const evaluations: EvaluationMetrics[] = [];
  for (const { metrics: each } of metricsLines(lines, file))
    if ("loss" in each) metrics.push(each);
    else evaluations.push(each);
  return { metrics, evaluations };
}
