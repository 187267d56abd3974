import { readFileSync } from "node:fs";
import { packageFile } from "../../files/index.ts";
import type { OptimizerSpec } from "../../plan/index.ts";
import type { CurveSetting } from "./curve-settings.ts";

/** The losses of a job to its last iteration. */
export interface Curve {
  readonly name: string;
  /** What it is meant to be like. Whether stopping it was right is told from the curve alone. */
  readonly family: string;
  /** What a job's learning rates follow from. */
  readonly optimizer: Pick<OptimizerSpec, "learningRate" | "schedule">;
  /** Iterations from one evaluation to the next. */
  readonly every: number;
  /** By iteration, of its mini-batch; NaN where it was not finite. */
  readonly training: readonly number[];
  /** Of the held-out rows, after `every` iterations, after twice as many, and so on. */
  readonly evaluation: readonly number[];
}

/** The same of a job that our executor trained. */
export interface ExecutedCurve extends Curve {
  readonly setting: CurveSetting;
}

/** What made the curves; the first line of their file. */
export interface CurvesHead {
  readonly kind: "loss-curves";
  readonly model: string;
  readonly modelDigest: string;
  readonly command: string;
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
}

type Written = Omit<ExecutedCurve, "training" | "evaluation"> &
  Record<"training" | "evaluation", readonly (number | null)[]>;

/** As a line of the file: losses to five digits, and null for what is not finite. */
export function curveLine(curve: ExecutedCurve): string {
  const rounded = (losses: readonly number[]): readonly (number | null)[] =>
    losses.map((loss) => (Number.isFinite(loss) ? Number(loss.toPrecision(5)) : null));
  const written: Written = {
    ...curve,
    training: rounded(curve.training),
    evaluation: rounded(curve.evaluation),
  };
  return JSON.stringify(written);
}

/** The curves that come with the sources; made by `make-curves.ts`. */
export const CURVES_FILE = packageFile("bench", "early-stopping", "curves.jsonl");

export function parseCurves(text: string): { readonly head: CurvesHead; readonly curves: readonly ExecutedCurve[] } {
  const [head, ...lines] = text.trimEnd().split("\n");
  const losses = (written: readonly (number | null)[]): readonly number[] => written.map((loss) => loss ?? Number.NaN);
  return {
    head: JSON.parse(head!) as CurvesHead,
    curves: lines.map((line) => {
      const written = JSON.parse(line) as Written;
      return { ...written, training: losses(written.training), evaluation: losses(written.evaluation) };
    }),
  };
}

export function readCurves(): readonly ExecutedCurve[] {
  return parseCurves(readFileSync(CURVES_FILE, "utf8")).curves;
}
