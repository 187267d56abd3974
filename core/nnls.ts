/** Relative to a column's own length: below it a column is a combination of the others. */
const DEPENDENT = 1e-9;
/** A gradient counts as positive above this cosine between a column and the right-hand side. */
const GRADIENT = 1e-11;
/**
 * Each round lowers the residual, so this bound is only met where rounding makes two columns change places for ever.
 */
const ROUNDS_PER_COLUMN = 10;

function dot(a: readonly number[], b: readonly number[]): number {
  let total = 0;
  for (let row = 0; row < a.length; row++) total += a[row]! * b[row]!;
  return total;
}

function subtractMultiple(from: number[], factor: number, column: readonly number[]): void {
  for (let row = 0; row < from.length; row++) from[row] = from[row]! - factor * column[row]!;
}

/**
 * Least squares over columns of length 1, by Gram-Schmidt done twice (once loses digits on nearly dependent columns).
 * Null when a column depends on those before it.
 */
function leastSquares(columns: readonly (readonly number[])[], target: readonly number[]): readonly number[] | null {
  const basis: number[][] = [];
  const upper: number[][] = [];
  for (const column of columns) {
    const rest = [...column];
    const coefficients = basis.map(() => 0);
    for (let pass = 0; pass < 2; pass++) {
      basis.forEach((direction, index) => {
        const factor = dot(direction, rest);
        coefficients[index] = coefficients[index]! + factor;
        subtractMultiple(rest, factor, direction);
      });
    }
    const length = Math.sqrt(dot(rest, rest));
    if (length < DEPENDENT) return null;
    basis.push(rest.map((value) => value / length));
    upper.push([...coefficients, length]);
  }
  const solution = basis.map((direction) => dot(direction, target));
  for (let index = solution.length - 1; index >= 0; index--) {
    solution[index] = solution[index]! / upper[index]![index]!;
    for (let above = 0; above < index; above++)
      solution[above] = solution[above]! - upper[index]![above]! * solution[index]!;
  }
  return solution;
}

/**
 * x >= 0 that minimizes |A x - target|, A given by its columns. Lawson and Hanson, Solving Least Squares Problems
 * (1974), chapter 23. Of columns that depend on each other only the ones that entered first are used.
 */
export function nonNegativeLeastSquares(
  columns: readonly (readonly number[])[],
  target: readonly number[],
): readonly number[] {
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const scaled = columns.map((column, index) => column.map((value) => value / (lengths[index] || 1)));
  const tolerance = GRADIENT * Math.sqrt(dot(target, target));
  const x = columns.map(() => 0);
  let active: number[] = [];
  /** Columns that cannot enter until the active ones change. */
  let barred = new Set<number>();

  const solve = (members: readonly number[]): readonly number[] | null =>
    leastSquares(
      members.map((index) => scaled[index]!),
      target,
    );

  const bestCandidate = (): number => {
    const residual = [...target];
    scaled.forEach((column, index) => {
      if (x[index]! > 0) subtractMultiple(residual, x[index]!, column);
    });
    let best = -1;
    let steepest = tolerance;
    scaled.forEach((column, index) => {
      if (active.includes(index) || barred.has(index)) return;
      const gradient = dot(column, residual);
      if (gradient <= steepest) return;
      steepest = gradient;
      best = index;
    });
    return best;
  };

  for (let round = 0; round < ROUNDS_PER_COLUMN * columns.length; round++) {
    const candidate = bestCandidate();
    if (candidate < 0) break;
    let members = [...active, candidate];
    let solution = solve(members);
    if (solution === null || solution[members.length - 1]! <= 0) {
      barred.add(candidate);
      continue;
    }
    while (solution.some((value) => value <= 0)) {
      // Go towards the unconstrained solution until the first coefficient reaches zero, and drop it.
      let step = 1;
      let blocking = -1;
      members.forEach((index, at) => {
        const ratio = x[index]! / (x[index]! - solution![at]!);
        if (solution![at]! > 0 || ratio >= step) return;
        step = ratio;
        blocking = index;
      });
      members.forEach((index, at) => {
        x[index] = index === blocking ? 0 : Math.max(0, x[index]! + step * (solution![at]! - x[index]!));
      });
      members = members.filter((index) => x[index]! > 0);
      solution = solve(members)!;
    }
    x.fill(0);
    members.forEach((index, at) => {
      x[index] = solution![at]!;
    });
    active = members;
    barred = new Set();
  }
  return x.map((value, index) => (value === 0 ? 0 : value / lengths[index]!));
}
