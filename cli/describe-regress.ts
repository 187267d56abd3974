import { counted, formatBytes, formatSeconds } from "../core/index.ts";
import {
  type ComparedFigure,
  type ComparedGolden,
  FIGURES,
  isBlocking,
  VERDICTS,
  type Verdict,
} from "../studies/index.ts";
import { percent, table } from "./output.ts";

/** What a comparison is between, and what it came to. */
export interface RegressResult {
  readonly before: string;
  readonly now: string;
  readonly goldens: readonly ComparedGolden[];
  /** Of one policy beside another, which is no change of anything. */
  readonly isOfPolicies?: true;
}

export function numberOf({ goldens }: RegressResult, verdict: Verdict): number {
  return goldens.filter((each) => each.verdict === verdict).length;
}

export function blockingOf({ goldens }: RegressResult): readonly ComparedGolden[] {
  return goldens.filter(({ verdict }) => isBlocking(verdict));
}

/** Those that are not the same, the worst first. */
export function movedOf({ goldens }: RegressResult): readonly ComparedGolden[] {
  const rank = ({ verdict }: ComparedGolden): number => VERDICTS.indexOf(verdict);
  const moved = goldens.filter(({ verdict }) => verdict !== "same" && verdict !== "unable");
  return [...moved].sort((a, b) => rank(a) - rank(b) || largestLoss(b) - largestLoss(a));
}

function largestLoss({ figures }: ComparedGolden): number {
  return figures.reduce((most, { loss }) => Math.max(most, loss), 0);
}

function valueText(name: string, value: number): string {
  switch (FIGURES[name]!.unit) {
    case "seconds":
      return formatSeconds(value);
    case "bytes":
      return formatBytes(value);
    case "share":
      return value.toFixed(3);
    case "rate":
    case "count":
      return value.toFixed(0);
  }
}

/** "+3.1 %", of the figure itself. */
function movedText({ before, now }: ComparedFigure): string {
  if (before === 0) return now === 0 ? "0 %" : "from none";
  const share = now / before - 1;
  return `${share < 0 ? "" : "+"}${percent(share, Math.abs(share) < 0.001 ? 2 : 1)}`;
}

/** The figures of a golden workload that moved: its name, before, now, by how much, and whether that is allowed. */
export function figureRows({
  figures,
}: ComparedGolden): readonly (readonly [string, string, string, string, string])[] {
  return figures
    .filter(({ before, now }) => before !== now)
    .map((figure) => [
      FIGURES[figure.name]!.label,
      valueText(figure.name, figure.before),
      valueText(figure.name, figure.now),
      movedText(figure),
      figure.isAllowed ? (figure.loss < 0 ? "better" : "") : "worse",
    ]);
}

const COUNTED: Readonly<Record<Verdict, string>> = {
  broken: "broken",
  worse: "worse",
  better: "better",
  changed: "changed, as good",
  same: "the same",
  unable: "refused by both",
};

/** "1 worse, 39 the same": of those that there are. */
export function countsText(result: RegressResult): string {
  return VERDICTS.flatMap((verdict) => {
    const count = numberOf(result, verdict);
    return count === 0 ? [] : [`${count} ${COUNTED[verdict]}`];
  }).join(", ");
}

/** In one line: whether the change may land. */
export function verdictText(result: RegressResult): string {
  const blocking = blockingOf(result).length;
  const number = counted(result.goldens.length, "golden workload");
  const what = `${number}, ${result.before} against ${result.now}: ${countsText(result)}`;
  return blocking === 0 || result.isOfPolicies
    ? what
    : `${what}; ${blocking === 1 ? "one blocks" : `${blocking} block`} the change`;
}

function goldenText(golden: ComparedGolden): string {
  const rows = figureRows(golden);
  return [
    `${golden.verdict}: ${golden.name} (${golden.guards})`,
    ...(rows.length === 0 ? [] : [table(["", "before", "now", "", ""], rows).replace(/^/gm, "  ")]),
    ...golden.why.map((line) => `  - ${line}`),
  ].join("\n");
}

export function regressText(result: RegressResult): string {
  return [verdictText(result), ...movedOf(result).map(goldenText)].join("\n\n");
}

/** The --json form. */
export function regressFacts(result: RegressResult): unknown {
  const { before, now, goldens } = result;
  return {
    ...{ before, now, blocks: blockingOf(result).length },
    counts: Object.fromEntries(VERDICTS.map((verdict) => [verdict, numberOf(result, verdict)])),
    goldens,
  };
}
