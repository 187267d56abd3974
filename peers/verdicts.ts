import { textTable } from "../core/index.ts";

/** A line of judge.py: a comparison, or why there is none. */
export type Verdict =
  | {
      readonly case: string;
      readonly at: string;
      readonly judge: string;
      readonly difference: number;
      readonly bound: number;
    }
  | { readonly case: string; readonly at: string; readonly problem: string };

type Compared = Extract<Verdict, { judge: string }>;

const isCompared = (verdict: Verdict): verdict is Compared => "judge" in verdict;

/** Whether the judge agrees: also what is no number does not. */
export function agrees(verdict: Verdict): boolean {
  return isCompared(verdict) && verdict.difference <= verdict.bound;
}

/** The share of the bound; above all where it is no number. */
const shareOf = ({ difference, bound }: Compared): number => {
  const share = difference / bound;
  return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share;
};

function cell(verdicts: readonly Compared[]): string {
  if (verdicts.length === 0) return "-";
  const worst = verdicts.reduce((a, b) => (shareOf(b) > shareOf(a) ? b : a));
  const share = shareOf(worst);
  const percent = Number.isFinite(share) ? `${Math.ceil(100 * share)} %` : "!";
  return `${worst.difference.toExponential(1)} ${percent.padStart(5)}`;
}

/** A line for each case: the largest difference of its jobs that each judge sees, and how much of the bound it is. */
export function verdictTable(cases: readonly string[], verdicts: readonly Verdict[]): readonly string[] {
  const judges = [...new Set(verdicts.filter(isCompared).map(({ judge }) => judge))];
  const rows = cases.map((name) => {
    const own = verdicts.filter((verdict) => verdict.case === name);
    const ofJudge = (judge: string) => own.filter(isCompared).filter((verdict) => verdict.judge === judge);
    const word = own.length === 0 ? "not judged" : own.every(agrees) ? "agrees" : "DIFFERS";
    return [name, ...judges.map((judge) => cell(ofJudge(judge))), word];
  });
  return textTable([["case", ...judges, ""], ...rows]);
}

/** A sentence for each verdict that does not agree. */
export function disagreements(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts
    .filter((verdict) => !agrees(verdict))
    .map((verdict) =>
      isCompared(verdict)
        ? `${verdict.case}, most of ${verdict.at}: ${verdict.judge} differ by ${verdict.difference}, of ${verdict.bound} at most`
        : `${verdict.case}, ${verdict.at}: ${verdict.problem}`,
    );
}
