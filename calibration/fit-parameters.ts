import { solveSymmetric } from "../core/index.ts";

/** What to fit. Every parameter is positive; the fit works on logarithms, so that none can change its sign. */
export interface FitProblem<Name extends string> {
  /** Where the search begins; its keys name the parameters. */
  readonly start: Readonly<Record<Name, number>>;
  /** Dimensionless residuals, as log(predicted / measured) are; their number must not change. */
  readonly residuals: (parameters: Readonly<Record<Name, number>>) => readonly number[];
  /**
   * Residuals far above this count by their size instead of their square (soft L1, as in Triggs et al. 1999); absent:
   * squares.
   */
  readonly softL1?: number;
  /** Of a parameter's logarithm, for derivatives: larger where residuals come from rounded numbers; 1e-6 when absent. */
  readonly derivativeStep?: number;
}

const LARGEST_STEP = 2;
const MAXIMUM_ROUNDS = 200;
const CONVERGED = 1e-10;

/** The soft-L1 loss of all residuals and the weight that each has in the normal equations. */
function lossOf(residuals: readonly number[], softL1: number | undefined) {
  let loss = 0;
  const weights = residuals.map((residual) => {
    if (softL1 === undefined) {
      loss += residual * residual;
      return 1;
    }
    const root = Math.sqrt(1 + (residual / softL1) ** 2);
    loss += 2 * softL1 * softL1 * (root - 1);
    return 1 / root;
  });
  return { loss, weights };
}

/**
 * Positive parameters that minimize the residuals: Levenberg and Marquardt over logarithms with forward differences.
 * Deterministic. A parameter that the data do not reach stays near its start. Source: Marquardt 1963; soft L1 by
 * reweighting.
 */
export function fitParameters<Name extends string>({
  start,
  residuals,
  softL1,
  derivativeStep = 1e-6,
}: FitProblem<Name>): Readonly<Record<Name, number>> {
  const names = Object.keys(start) as Name[];
  const named = (logs: readonly number[]): Record<Name, number> =>
    Object.fromEntries(names.map((name, index) => [name, Math.exp(logs[index]!)])) as Record<Name, number>;
  let logs = names.map((name) => Math.log(start[name]));
  let current = residuals(named(logs));
  let { loss, weights } = lossOf(current, softL1);
  let damping = 1e-3;
  for (let round = 0; round < MAXIMUM_ROUNDS; round += 1) {
    const columns = logs.map((log, index) => {
      const moved = residuals(named(logs.with(index, log + derivativeStep)));
      return moved.map((value, row) => (value - current[row]!) / derivativeStep);
    });
    const weightedDot = (a: readonly number[], b: readonly number[]): number => {
      let total = 0;
      for (let row = 0; row < a.length; row += 1) total += weights[row]! * a[row]! * b[row]!;
      return total;
    };
    const normal = columns.map((a) => columns.map((b) => weightedDot(a, b)));
    const gradient = columns.map((column) => -weightedDot(column, current));
    const largest = Math.max(...normal.map((row, index) => row[index]!));
    let improved = false;
    while (damping < 1e12) {
      const damped = normal.map((row, index) => row.with(index, row[index]! * (1 + damping) + 1e-12 * largest));
      const step = solveSymmetric(damped, gradient);
      if (step !== null) {
        const next = logs.map((log, index) => log + Math.max(-LARGEST_STEP, Math.min(LARGEST_STEP, step[index]!)));
        const moved = residuals(named(next));
        const after = lossOf(moved, softL1);
        if (after.loss < loss) {
          improved = loss - after.loss > CONVERGED * loss;
          logs = next;
          current = moved;
          ({ loss, weights } = after);
          damping = Math.max(damping / 5, 1e-9);
          break;
        }
      }
      damping *= 4;
    }
    if (!improved) break;
  }
  return named(logs);
}
