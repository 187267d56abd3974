import { canonicalJson, contentHash, groupBy, mean, median, quantile, sum, weightedMedian } from "../core/index.ts";
import {
  type MeasuredCalibration,
  type MeasuredOperator,
  type OperatorCall,
  operatorSeconds,
  PASSES,
  type Pass,
} from "../plan/index.ts";
import type { OperatorSample } from "./fit-operator.ts";
import { splitHoldOut } from "./hold-out.ts";
import { letterErrors } from "./hold-out-errors.ts";
import {
  callsSeconds,
  type FittedOperator,
  fitOperatorTable,
  type OperatorTable,
  scaleCoefficients,
} from "./operator-table.ts";

/** One measurement of a whole action. */
export interface ActionSample {
  readonly letter: Pass;
  /** What the action is made of, as `stageOperators` or `updateOperator` lists it. */
  readonly calls: readonly OperatorCall[];
  readonly seconds: number;
}

export interface CalibrationSamples {
  readonly operators: readonly OperatorSample[];
  readonly actions: readonly ActionSample[];
  /** Actions measured while no other device of the machine worked. */
  readonly alone?: readonly ActionSample[];
}

/** What measurements decide in a calibration; device, date and link come from whoever measured. */
export type FittedCalibration = Pick<
  MeasuredCalibration,
  "operators" | "actionSeconds" | "aloneShare" | "holdOut" | "samplesHash"
>;

/** With fewer whole actions a factor and a constant would follow the noise. */
const ACTIONS_FOR_A_FACTOR = 4;
/** A factor outside is not a bias but a wrong operator list, which must stay visible in the hold-out. */
const FACTOR_RANGE = [0.5, 2] as const;

/** Action time = sum of operators, each times its letter's factor, + seconds. */
interface ActionFit {
  readonly factor: number;
  readonly seconds: number;
}

interface Fit {
  readonly table: OperatorTable;
  readonly owners: ReadonlyMap<string, Pass>;
  readonly actions: Readonly<Record<Pass, ActionFit>>;
}

/**
 * What brings the predictions to the measurements in the middle one of all measuring runs: operators are medians, but a
 * run is a sum, usual interruptions included. Runs count by their time; one that something else held up is not the
 * middle one.
 */
function runFactor(
  actions: readonly ActionSample[],
  predicted: readonly number[],
  measured: readonly number[],
): number {
  const runs = groupBy([...actions.keys()], (index) => canonicalJson(actions[index]!.calls));
  const sums = [...runs.values()].map((indices) => ({
    predicted: sum(indices.map((index) => predicted[index]!)),
    measured: sum(indices.map((index) => measured[index]!)),
  }));
  const factor = weightedMedian(
    sums.map((run) => run.measured / run.predicted),
    sums.map((run) => run.predicted),
  );
  return factor < FACTOR_RANGE[0] || factor > FACTOR_RANGE[1] ? 1 : factor;
}

/**
 * The letter whose factor an operator kind takes: the first that has it, since a backward may run a forward's operators
 * again.
 */
function lettersOfKinds(actions: readonly ActionSample[]): ReadonlyMap<string, Pass> {
  const owners = new Map<string, Pass>();
  for (const letter of PASSES) {
    for (const action of actions) {
      if (action.letter !== letter) continue;
      for (const { kind } of action.calls) if (!owners.has(kind)) owners.set(kind, letter);
    }
  }
  return owners;
}

/** Seconds of the operators of an action that take the factor of `letter`, without it. */
function unscaledSeconds({ table, owners }: Fit, { calls }: ActionSample, letter: Pass): number {
  return callsSeconds(
    table,
    calls.filter(({ kind }) => owners.get(kind) === letter),
  );
}

function predictedSeconds(fit: Fit, action: ActionSample): number {
  const operators = PASSES.map((letter) => fit.actions[letter].factor * unscaledSeconds(fit, action, letter));
  return sum(operators) + fit.actions[action.letter].seconds;
}

function fitSamples(samples: CalibrationSamples): Fit {
  const unknown: ActionFit = { factor: 0, seconds: 0 };
  let fit: Fit = {
    table: fitOperatorTable(samples.operators),
    owners: lettersOfKinds(samples.actions),
    actions: { F: unknown, B: unknown, U: unknown },
  };
  for (const letter of PASSES) {
    const members = samples.actions.filter((action) => action.letter === letter);
    const own = members.map((action) => unscaledSeconds(fit, action, letter));
    const rest = members.map((action) => action.seconds - predictedSeconds(fit, action));
    const seconds = Math.max(0, median(rest.map((value, index) => value - own[index]!)));
    const isScaled = members.length >= ACTIONS_FOR_A_FACTOR;
    const factor = isScaled
      ? runFactor(
          members,
          own.map((value) => value + seconds),
          rest,
        )
      : 1;
    fit = { ...fit, actions: { ...fit.actions, [letter]: { factor, seconds: factor * seconds } } };
  }
  return fit;
}

/** Relative error of each kept-out whole action, or of each kept-out operator where no action was kept out. */
function scoreHoldOut({ operators, actions }: CalibrationSamples): MeasuredCalibration["holdOut"] {
  const names = [...new Set(operators.map(({ operator }) => operator))];
  const operatorSplits = names.map((name) =>
    splitHoldOut(
      operators.filter(({ operator }) => operator === name),
      ({ features }) => features,
    ),
  );
  const actionSplits = PASSES.map((letter) =>
    splitHoldOut(
      actions.filter((action) => action.letter === letter),
      ({ calls }) => calls,
    ),
  );
  const fitted = {
    operators: operatorSplits.flatMap((split) => split.fitted),
    actions: actionSplits.flatMap((split) => split.fitted),
  };
  const fit = fitSamples(fitted);
  const heldActions = actionSplits.flatMap((split) => split.heldOut);
  const ratios = heldActions.map((action) => action.seconds / predictedSeconds(fit, action));
  const errors = ratios.map((ratio) => Math.abs(1 / ratio - 1));
  if (heldActions.length === 0) {
    for (const { operator, features, seconds } of operatorSplits.flatMap((split) => split.heldOut)) {
      errors.push(Math.abs(operatorSeconds(fit.table.get(operator)!.coefficients, features) / seconds - 1));
    }
  }
  const score = { points: errors.length, meanAbsError: mean(errors), p90AbsError: quantile(errors, 0.9) };
  if (heldActions.length === 0) return score;
  const letters = letterErrors(
    heldActions.map(({ letter, calls: key }, index) => ({ letter, key, ratio: ratios[index]! })),
  );
  return { ...score, letters };
}

function measuredOperator({ name, coefficients, samples }: FittedOperator, factor: number): MeasuredOperator {
  const residuals = samples.map(({ features, seconds }) => operatorSeconds(coefficients, features) / seconds - 1);
  const center = mean(residuals);
  return {
    operator: name,
    coefficients: scaleCoefficients(coefficients, factor),
    samples: samples.length,
    meanAbsError: mean(residuals.map(Math.abs)),
    residualSpread: Math.sqrt(mean(residuals.map((residual) => (residual - center) ** 2))),
  };
}

/**
 * What a letter's actions take alone, as a share of what they take beside others, in the middle run. An action does not
 * get slower by being alone, so what is above 1 is noise.
 */
function aloneShares(fit: Fit, alone: readonly ActionSample[]): NonNullable<MeasuredCalibration["aloneShare"]> {
  const share = (letter: Pass): number => {
    const own = alone.filter((action) => action.letter === letter);
    if (own.length === 0) return 1;
    return Math.min(
      1,
      runFactor(
        own,
        own.map((action) => predictedSeconds(fit, action)),
        own.map(({ seconds }) => seconds),
      ),
    );
  };
  return { F: share("F"), B: share("B"), U: share("U") };
}

/**
 * Fits a measured calibration: relative least squares for each operator and kind, then what an action takes beside its
 * operators. The hold-out is scored with a fit that has not seen it; the coefficients returned are of all samples.
 * Operator errors are those of the operators' own samples, before an action factor is folded in.
 * @throws InputError for samples without a positive time, or an action with an operator that was not measured.
 */
export function fitCalibration(samples: CalibrationSamples): FittedCalibration {
  const fit = fitSamples(samples);
  const { table, owners, actions } = fit;
  const factorOf = ({ kind }: FittedOperator): number => {
    const letter = owners.get(kind);
    return letter === undefined ? 1 : actions[letter].factor;
  };
  return {
    operators: [...table.values()].map((operator) => measuredOperator(operator, factorOf(operator))),
    actionSeconds: { F: actions.F.seconds, B: actions.B.seconds, U: actions.U.seconds },
    ...(samples.alone === undefined ? {} : { aloneShare: aloneShares(fit, samples.alone) }),
    holdOut: scoreHoldOut(samples),
    samplesHash: contentHash(samples),
  };
}
