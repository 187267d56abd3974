import { InvariantError, nonNegativeLeastSquares, sum } from "../../core/index.ts";
import { MEMORY_TERMS, type MemoryTerms } from "./memory-terms.ts";

/** How far off a measured point may be, and the share of a device's bytes that the start may have wrong in a term. */
const NOISE = 1e-3;
const START = 0.3;
/** What a coefficient's distance from its start costs, beside the squares of relative residuals. */
const RIDGE = (NOISE / START) ** 2;
/** Share of what comes next that is to lie within the margin, by the residuals of so many of the latest points. */
const LEVEL = 0.95;
const LATEST = 64;

/**
 * Bytes that work takes of a device, fitted to measured points as they come: sums of terms with coefficients that are
 * not negative, by least squares over relative residuals. It starts as the planned bytes; how far coefficients go from
 * there is weighed against the points, so that the start counts for less with each. Plain data, for JSON.
 */
export interface FittedMemory {
  readonly points: number;
  /**
   * Triangular: as good as all points, each divided by its bytes. A row for each term, the right-hand side at its end.
   */
  readonly factor: readonly (readonly number[])[];
  /** By term. */
  readonly coefficients: readonly number[];
  /** Of the latest points before they were learned: measured over predicted, less 1, by `spread`. */
  readonly residuals: readonly number[];
}

/** What was learned of each kind of device and its part of the model. Plain data, for JSON. */
export type MemoryFits = Readonly<Record<string, FittedMemory>>;

export interface PredictedMemory {
  readonly bytes: number;
  /** What may come on top. */
  readonly margin: number;
}

const SIZE = MEMORY_TERMS.length;
const STARTS: readonly number[] = MEMORY_TERMS.map((term) => (term === "planned" ? 1 : 0));

/** The planned bytes, as long as nothing was measured. */
export const INITIAL_MEMORY: FittedMemory = {
  points: 0,
  factor: STARTS.map(() => Array.from({ length: SIZE + 1 }, () => 0)),
  coefficients: STARTS,
  residuals: [],
};

/** Turns one more row into a triangle, by Givens rotations: Golub and Van Loan, Matrix Computations, section 6.5. */
function rotateIn(factor: number[][], row: number[]): void {
  for (let column = 0; column < SIZE; column += 1) {
    if (row[column] === 0) continue;
    const own = factor[column]!;
    const length = Math.hypot(own[column]!, row[column]!);
    const [cosine, sine] = [own[column]! / length, row[column]! / length];
    for (let at = column; at <= SIZE; at += 1) {
      const [above, below] = [own[at]!, row[at]!];
      own[at] = cosine * above + sine * below;
      row[at] = cosine * below - sine * above;
    }
  }
}

function valuesOf(terms: MemoryTerms): readonly number[] {
  return MEMORY_TERMS.map((term) => terms[term]);
}

function bytesBy({ coefficients }: FittedMemory, values: readonly number[]): number {
  return Math.max(1, Math.round(sum(values.map((value, term) => value * coefficients[term]!))));
}

/** Mean squares of a term's values in the points. */
function scaleOf({ factor, points }: Pick<FittedMemory, "factor" | "points">, term: number): number {
  return sum(factor.map((row) => row[term]! ** 2)) / Math.max(1, points);
}

/** `scaleOf` of each term, which every prediction by the fit asks for. */
const SCALES = new WeakMap<FittedMemory, readonly number[]>();

function scalesOf(fitted: FittedMemory): readonly number[] {
  const scales = SCALES.get(fitted) ?? STARTS.map((_, term) => scaleOf(fitted, term));
  SCALES.set(fitted, scales);
  return scales;
}

/** A row that holds a coefficient where it starts. */
function ridgeRow(term: number, scale: number): number[] {
  const weight = Math.sqrt(RIDGE * scale);
  const row = new Array<number>(SIZE + 1).fill(0);
  row[term] = weight;
  row[SIZE] = weight * STARTS[term]!;
  return row;
}

function coefficientsOf(fitted: Pick<FittedMemory, "factor" | "points">): readonly number[] {
  // A term that no point has stays where it starts.
  const rows = [...fitted.factor, ...STARTS.map((_, term) => ridgeRow(term, scaleOf(fitted, term) || 1))];
  return nonNegativeLeastSquares(
    STARTS.map((_, term) => rows.map((row) => row[term]!)),
    rows.map((row) => row[SIZE]!),
  );
}

/**
 * How much less is known of work than of what has been measured: 1 for work that is much like it, and more the further
 * it is from all that was measured. The standard deviation of a prediction over that of a point.
 */
function spread(fitted: FittedMemory, relative: readonly number[]): number {
  const factor = fitted.factor.map((row) => [...row]);
  const scales = scalesOf(fitted);
  relative.forEach((value, term) => {
    rotateIn(factor, ridgeRow(term, Math.max(scales[term]!, value ** 2) || 1));
  });
  // Of R'R, the inverse between the terms: |R'^-1 x|^2.
  const solution: number[] = [];
  relative.forEach((value, term) => {
    const known = sum(solution.map((each, above) => each * factor[above]![term]!));
    solution.push((value - known) / factor[term]![term]!);
  });
  return Math.sqrt(1 + sum(solution.map((value) => value ** 2)));
}

/**
 * The residual within which so many of the next are to lie: of n that came before the k-th largest, k the least with
 * k / (n + 1) of the level (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005), which is the
 * largest up to 19.
 */
function usualResidual(residuals: readonly number[]): number {
  const inOrder = [...residuals].sort((a, b) => a - b);
  const place = Math.min(residuals.length, Math.ceil(LEVEL * (residuals.length + 1)));
  return Math.max(NOISE, inOrder[place - 1] ?? 0);
}

/** Bytes of work, and what may come on top of them: 95 % of measured points are to lie below their sum. */
export function predictMemory(fitted: FittedMemory, terms: MemoryTerms): PredictedMemory {
  const values = valuesOf(terms);
  const bytes = bytesBy(fitted, values);
  const relative = values.map((value) => value / bytes);
  return { bytes, margin: Math.ceil(usualResidual(fitted.residuals) * spread(fitted, relative) * bytes) };
}

/**
 * With one more measured point, in a time that does not depend on how many there are.
 * @throws InvariantError for no positive number of bytes
 */
export function learnMemory(fitted: FittedMemory, terms: MemoryTerms, measured: number): FittedMemory {
  if (!(measured > 0)) throw new InvariantError({ expected: "a positive number of measured bytes", got: measured });
  const values = valuesOf(terms);
  const predicted = bytesBy(fitted, values);
  const residual =
    (measured / predicted - 1) /
    spread(
      fitted,
      values.map((value) => value / predicted),
    );
  const factor = fitted.factor.map((row) => [...row]);
  rotateIn(factor, [...values.map((value) => value / measured), 1]);
  const next = { factor, points: fitted.points + 1 };
  return {
    ...next,
    coefficients: coefficientsOf(next),
    residuals: [...fitted.residuals, residual].slice(-LATEST),
  };
}
