import { canonicalJson, groupBy, InputError } from "../core/index.ts";
import { type Coefficients, type OperatorCall, operatorSeconds } from "../plan/index.ts";
import { fitOperator, type OperatorSample } from "./fit-operator.ts";

/** Fewer different points than this cannot carry coefficients of their own. */
const POINTS_OF_ITS_OWN = 3;

export interface FittedOperator {
  readonly name: string;
  readonly kind: string;
  readonly coefficients: Coefficients;
  readonly samples: readonly OperatorSample[];
}

/** By operator name and, for shapes that were not measured, by kind. */
export type OperatorTable = ReadonlyMap<string, FittedOperator>;

/** The factor on given coefficients that leaves the smallest relative residuals. */
function fitFactor(coefficients: Coefficients, samples: readonly OperatorSample[]): number {
  let linear = 0;
  let square = 0;
  for (const { features, seconds, weight = 1 } of samples) {
    const ratio = operatorSeconds(coefficients, features) / seconds;
    linear += weight * ratio;
    square += weight * ratio * ratio;
  }
  return square > 0 ? linear / square : 1;
}

export function scaleCoefficients(coefficients: Coefficients, factor: number): Coefficients {
  return Object.fromEntries(Object.entries(coefficients).map(([feature, value]) => [feature, value * factor]));
}

/**
 * Fits each operator, and each kind over all its shapes. A shape with too few points takes its kind's form and one
 * factor.
 */
export function fitOperatorTable(samples: readonly OperatorSample[]): OperatorTable {
  const kinds = new Map(
    [...groupBy(samples, ({ kind }) => kind)].map(([kind, pooled]) => [
      kind,
      { coefficients: fitOperator(pooled), pooled },
    ]),
  );
  const table = new Map<string, FittedOperator>();
  for (const [name, own] of groupBy(samples, ({ operator }) => operator)) {
    const { kind } = own[0]!;
    if (name === kind) continue;
    const { coefficients } = kinds.get(kind)!;
    const points = new Set(own.map(({ features }) => canonicalJson(features))).size;
    const fitted =
      points >= POINTS_OF_ITS_OWN ? fitOperator(own) : scaleCoefficients(coefficients, fitFactor(coefficients, own));
    table.set(name, { name, kind, coefficients: fitted, samples: own });
  }
  for (const [kind, { coefficients, pooled }] of kinds)
    table.set(kind, { name: kind, kind, coefficients, samples: pooled });
  return table;
}

/**
 * Seconds of an action's operators.
 * @throws InputError for an operator of which neither the shape nor the kind was measured.
 */
export function callsSeconds(table: OperatorTable, calls: readonly OperatorCall[]): number {
  let total = 0;
  for (const call of calls) {
    const operator = table.get(call.name) ?? table.get(call.kind);
    if (operator === undefined)
      throw new InputError({ expected: `samples of ${call.name} or of its kind ${call.kind}`, got: [...table.keys()] });
    total += call.calls * operatorSeconds(operator.coefficients, call.features);
  }
  return total;
}
