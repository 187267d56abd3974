import { contentHash, maximum, median } from "../../core/index.ts";
import type { ExecutedGolden } from "../../plan/index.ts";
import type { ComparedFigure, ComparedGolden, Verdict } from "./compare-goldens.ts";

/** A run that a revision made of a plan of its own. */
export interface ExecutedRun {
  readonly makespanSeconds: number;
  /** Of the twin, with the machine's speed taken out: simulated / executed - 1. */
  readonly twinError: number;
  /** By job, a digest of its adapter's bytes. */
  readonly adapters: Readonly<Record<string, string>>;
}

/** What became of an executed golden workload with a revision. */
export interface ExecutedSide {
  /** Why it could not be planned or trained; null where it was. */
  readonly error: string | null;
  /** Null of jobs over time: a scheduler decides which of them train together, by when they come and end. */
  readonly plan: string | null;
  readonly runs: readonly ExecutedRun[];
}

/** An adapter of one revision against those of the other: the largest norm of a difference as a share of its own. */
export type AdapterDifferences = Readonly<Record<string, number>>;

/** What sums in another order make of an adapter, and less than any other step does. */
const ROUNDING = 1e-3;
/** A makespan that is longer in each turn by so much is; and an error of the twin that has grown by so much, and is as large. */
const SLOWER = 1.05;
const ERROR = { more: 0.1, least: 0.15 };

/** Whether runs of one plan differ. Jobs in other company may do so by rounding. */
const isUneven = ({ plan, runs }: ExecutedSide): boolean =>
  plan !== null && new Set(runs.map(({ adapters }) => JSON.stringify(adapters))).size > 1;

const share = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** How long training takes against before. */
export function turnsText(ratios: readonly number[]): string {
  const least = -maximum(ratios.map((ratio) => -ratio));
  return `training takes ${least.toFixed(2)} to ${maximum(ratios).toFixed(2)} times as long, turn by turn`;
}

/** Both revisions, which trained in turn: whether they train the same, as fast, and as is predicted. */
export function compareExecuted(
  { name, guards }: Pick<ExecutedGolden, "name" | "guards">,
  before: ExecutedSide,
  now: ExecutedSide,
  differences: AdapterDifferences,
): ComparedGolden {
  const told = (verdict: Verdict, figures: readonly ComparedFigure[], why: readonly string[]): ComparedGolden => ({
    ...{ name, guards, verdict, figures, why },
    outcome: contentHash([verdict, why.map((line) => line.replace(/[\d.]+/g, "#"))]).slice(-12),
  });
  if (now.error !== null)
    return told(
      "broken",
      [],
      [`${before.error === null ? "was trained before, and is not now" : "is not trained"}: ${now.error}`],
    );
  if (before.error !== null) return told("unexplained", [], [`could not be trained before: ${before.error}`]);
  if (isUneven(now)) return told("broken", [], ["two runs of one plan train other adapters"]);
  const [was, is] = [before.runs, now.runs].map((runs) => runs.map(({ makespanSeconds }) => makespanSeconds));
  const [errors, own] = [before.runs, now.runs].map((runs) => median(runs.map(({ twinError }) => Math.abs(twinError))));
  const ratios = is!.map((seconds, turn) => seconds / was![turn]!);
  const isSlower = ratios.every((ratio) => ratio > SLOWER);
  const isOff = own! > errors! + ERROR.more && own! > ERROR.least;
  const figure = (figureName: string, a: number, b: number, isAllowed: boolean): ComparedFigure => ({
    ...{ name: figureName, before: a, now: b, loss: a === b ? 0 : b / Math.max(a, 1e-12) - 1, isAllowed },
  });
  const figures = [
    figure("executedSeconds", median(was!), median(is!), !isSlower),
    figure("twinError", errors!, own!, !isOff),
  ];
  const other = Object.entries(differences).filter(([, difference]) => difference !== 0);
  const wrong = other.filter(([, difference]) => !(difference <= ROUNDING));
  const isSamePlan = before.plan === now.plan;
  const adapters = other.map(([job, by]) =>
    Number.isNaN(by) ? `${job} is missing or has other tensors` : `${job} by ${share(by)}`,
  );
  const why = [
    ...(other.length === 0 ? [] : [`adapters differ: ${adapters.join(", ")}`]),
    ...(isSlower ? [turnsText(ratios)] : []),
    ...(isOff ? [`the twin is off by ${share(own!)}, and was by ${share(errors!)}`] : []),
  ];
  const ran = (verdict: Verdict, reasons: readonly string[]): ComparedGolden => ({
    ...told(verdict, figures, reasons),
    turnRatios: ratios,
  });
  if (wrong.length > 0) return ran("broken", why);
  if (isSlower || isOff) return ran("worse", why);
  if (other.length > 0 && isSamePlan && now.plan !== null)
    return ran("unexplained", ["no decision explains it: the plan is the same", ...why]);
  return ran(
    other.length > 0 || !isSamePlan ? "changed" : "same",
    why.length > 0 ? why : isSamePlan ? [] : ["the plan is another one, and adapters are the same"],
  );
}
