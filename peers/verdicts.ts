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

/** Whether the judge agrees. */
export function agrees(verdict: Verdict): boolean {
  return isCompared(verdict) && verdict.difference <= verdict.bound;
}

const shareOf = ({ difference, bound }: Compared): number => difference / bound;

function cell(verdicts: readonly Compared[]): string {
  if (verdicts.length === 0) return "-";
  const worst = verdicts.reduce((a, b) => (shareOf(b) > shareOf(a) ? b : a));
  return `${worst.difference.toExponential(1)} ${`${Math.ceil(100 * shareOf(worst))} %`.padStart(5)}`;
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

function sentence(verdict: Verdict): string {
  if (!isCompared(verdict)) return `${verdict.case}, ${verdict.at}: ${verdict.problem}`;
  const { case: name, at, judge, difference, bound } = verdict;
  return `${name}, most of ${at}: ${judge} differ by ${difference.toExponential(2)}, of ${bound.toExponential(2)} at most`;
}

/** A sentence for each verdict that does not agree, and for each case that has none; with the case's configuration. */
export function disagreements(
  cases: readonly { readonly name: string; readonly config: unknown }[],
  verdicts: readonly Verdict[],
): readonly string[] {
  return cases.flatMap(({ name, config }) => {
    const own = verdicts.filter((verdict) => verdict.case === name);
    const wrong =
      own.length === 0 ? [`${name}: no judge has said anything`] : own.filter((v) => !agrees(v)).map(sentence);
    return wrong.length === 0 ? [] : [...wrong, `  ${JSON.stringify(config)}`];
  });
}
