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
  readonly plan: string;
  readonly runs: readonly ExecutedRun[];
}

/** An adapter of one revision against that of the other: the norm of the difference as a share of its own. */
export type AdapterDifferences = Readonly<Record<string, number>>;

/** What sums in another order make of an adapter, and less than any other step does. */
const ROUNDING = 1e-3;
/** A makespan that is longer in each turn by so much is; and an error of the twin that has grown by so much, and is as large. */
const SLOWER = 1.05;
const ERROR = { more: 0.1, least: 0.15 };

const isUneven = ({ runs }: ExecutedSide): boolean =>
  new Set(runs.map(({ adapters }) => JSON.stringify(adapters))).size > 1;

const share = (value: number): string => `${(100 * value).toFixed(1)} %`;

function spreadOf(values: readonly number[]): string {
  const least = -maximum(values.map((value) => -value));
  return `${least.toFixed(2)} to ${maximum(values).toFixed(2)}`;
}

/** Both revisions, which trained in turn: whether they train the same, as fast, and as is predicted. */
export function compareExecuted(
  { name, guards }: Pick<ExecutedGolden, "name" | "guards">,
  before: ExecutedSide,
  now: ExecutedSide,
  differences: AdapterDifferences,
): ComparedGolden {
  const told = (verdict: Verdict, figures: readonly ComparedFigure[], why: readonly string[]): ComparedGolden => ({
    ...{
      name,
      guards,
      verdict,
      figures,
      why,
      outcome: contentHash([verdict, why.map((line) => line.replace(/[\d.]+/g, "#"))]).slice(-12),
    },
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
  const other = Object.entries(differences).filter(([, difference]) => difference > 0);
  const wrong = other.filter(([, difference]) => !(difference <= ROUNDING));
  const isSamePlan = before.plan === now.plan;
  const adapters = other.map(([job, difference]) => `${job} by ${share(difference)}`).join(", ");
  const why = [
    ...(other.length === 0 ? [] : [`adapters differ: ${adapters}`]),
    ...(isSlower ? [`training takes ${spreadOf(ratios)} times as long, turn by turn`] : []),
    ...(isOff ? [`the twin is off by ${share(own!)}, and was by ${share(errors!)}`] : []),
  ];
  if (wrong.length > 0) return told("broken", figures, why);
  if (isSlower || isOff) return told("worse", figures, why);
  if (other.length > 0 && isSamePlan)
    return told("unexplained", figures, ["no decision explains it: the plan is the same", ...why]);
  return told(
    other.length > 0 || !isSamePlan ? "changed" : "same",
    figures,
    why.length > 0 ? why : isSamePlan ? [] : ["the plan is another one, and adapters are the same"],
  );
}
