import { counted, formatBytes, formatSeconds, groupBy } from "../core/index.ts";
import {
  type ComparedFigure,
  type ComparedGolden,
  FIGURES,
  isBlocking,
  isMoved,
  type MovedPolicy,
  type PolicyVerdict,
  turnsText,
  VERDICTS,
  type Verdict,
} from "../studies/index.ts";
import { percent, table } from "./output.ts";

/** What a comparison is between, and what it came to. */
export interface RegressResult {
  readonly before: string;
  readonly now: string;
  readonly goldens: readonly ComparedGolden[];
  /** Of one policy beside another, which is no change of anything: how they compare. */
  readonly policies?: PolicyVerdict;
  /** Of a change: what it makes of each policy whose golden workloads moved. */
  readonly movedPolicies?: readonly MovedPolicy[];
  /** The words of `loratwin` that accept what blocks; absent where nothing can. */
  readonly accepting?: string;
}

export function numberOf({ goldens }: RegressResult, verdict: Verdict): number {
  return goldens.filter((each) => each.verdict === verdict).length;
}

/** Those that block a change. Two policies are no change: only what fails under the one alone counts. */
export function blockingOf({ goldens, policies }: RegressResult): readonly ComparedGolden[] {
  return goldens.filter(policies === undefined ? isBlocking : ({ verdict }) => verdict === "broken");
}

/** Those that are not the same, the worst first. */
export function movedOf({ goldens }: RegressResult): readonly ComparedGolden[] {
  const rank = ({ verdict }: ComparedGolden): number => VERDICTS.indexOf(verdict);
  const moved = goldens.filter(isMoved);
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

/** Verdicts whose name is no text. */
const TOLD: Readonly<Partial<Record<Verdict, string>>> = { same: "the same", unable: "refused by both" };

/** "1 worse, 39 the same": of those that there are. */
export function countsText(result: RegressResult): string {
  return VERDICTS.flatMap((verdict) => {
    const count = numberOf(result, verdict);
    return count === 0 ? [] : [`${count} ${TOLD[verdict] ?? verdict}`];
  }).join(", ");
}

/** In one line: whether the change may land. */
export function verdictText(result: RegressResult): string {
  const blocking = blockingOf(result).length;
  const number = counted(result.goldens.length, "golden workload");
  const what = `${number}, ${result.before} against ${result.now}: ${countsText(result)}`;
  const accepted = result.goldens.filter((golden) => golden.accepted !== undefined).length;
  const known = accepted === 0 ? "" : `, ${accepted} accepted`;
  return blocking === 0 || result.policies !== undefined
    ? `${what}${known}`
    : `${what}${known}; ${blocking === 1 ? "one blocks" : `${blocking} block`} the change`;
}

const POLICY_WORDS: Readonly<Record<PolicyVerdict["kind"], string>> = {
  better: "better: on average it gains, and loses in nothing",
  worse: "worse: on average it loses, and gains in nothing",
  "trade-off": "a trade-off: on average it gains in some and loses in others",
  same: "as good",
};

function policyText(what: string, { kind, objectives }: PolicyVerdict): string {
  const rows = objectives.map(({ name, factor, numBetter, numWorse }) => [
    FIGURES[name]!.label,
    `${factor < 1 ? "" : "+"}${percent(factor - 1, 1)}`,
    `${numBetter} better`,
    `${numWorse} worse`,
  ]);
  return [`${what} is ${POLICY_WORDS[kind]}`, table(["", "mean", "", ""], rows)].join("\n");
}

/** How policies compare, in all golden workloads with them together: one with another, or each with itself before. */
export function policiesText({ policies, movedPolicies = [], before, now }: RegressResult): string | undefined {
  if (policies !== undefined) return policyText(`${now} against ${before}`, policies);
  const texts = movedPolicies.map((moved) =>
    policyText(`${moved.policy} (${counted(moved.numGoldens, "golden workload")})`, moved),
  );
  return texts.length === 0 ? undefined : texts.join("\n\n");
}

/** Golden workloads that moved for one reason, which is told of the first. */
export type MovedGroup = readonly [ComparedGolden, ...ComparedGolden[]];

/** Those that moved, those together whose verdict and first reason are the same but for numbers. */
export function movedGroups(result: RegressResult): readonly MovedGroup[] {
  const keyOf = ({ verdict, why, accepted = "" }: ComparedGolden): string =>
    [verdict, accepted, (why[0] ?? "").replace(/[\d.,]+/g, "#")].join("\n");
  return [...groupBy(movedOf(result), keyOf).values()] as unknown as readonly MovedGroup[];
}

/** "worse, accepted: fifo, sjf". */
export function groupTitle(group: MovedGroup): string {
  const [{ verdict, accepted, guards }] = group;
  const names = group.map(({ name }) => name).join(", ");
  const told = accepted === undefined ? verdict : `${verdict}, accepted`;
  return group.length === 1 ? `${told}: ${names} (${guards})` : `${told}: ${names}`;
}

/** Figures of a group; of several, each with its golden workload. */
export function groupRows(group: MovedGroup): readonly (readonly string[])[] {
  if (group.length === 1) return figureRows(group[0]);
  return group.flatMap((golden) =>
    figureRows(golden).map(([figure, ...rest]) => [`${golden.name}: ${figure}`, ...rest]),
  );
}

/** Reasons of a group, and why the change accepts it. */
export function groupReasons(group: MovedGroup): readonly string[] {
  const [first] = group;
  return [
    ...(group.length > 1 && first.why.length > 1 ? [`of ${first.name}:`] : []),
    ...first.why,
    ...(first.accepted === undefined ? [] : [`accepted: ${first.accepted}`]),
  ];
}

function groupText(group: MovedGroup): string {
  const rows = groupRows(group);
  return [
    groupTitle(group),
    ...(rows.length === 0 ? [] : [table(["", "before", "now", "", ""], rows).replace(/^/gm, "  ")]),
    ...groupReasons(group).map((line) => `  - ${line}`),
  ].join("\n");
}

/** A line for each golden workload that both revisions trained: how long that takes. */
export function trainedLines({ goldens }: RegressResult): readonly string[] {
  return goldens.flatMap(({ name, turnRatios }) =>
    turnRatios === undefined ? [] : [`${name}: ${turnsText(turnRatios)}`],
  );
}

/** A line for each golden workload that neither revision plans or simulates: why. */
export function refusedLines({ goldens }: RegressResult): readonly string[] {
  return goldens.flatMap(({ name, verdict, why }) =>
    verdict === "unable" ? [`${name} is refused by both: ${why[0]!.split("\n")[0]!}`] : [],
  );
}

/** What to do where a change is meant to do what blocks it. */
export function acceptHint(result: RegressResult): string | undefined {
  const { accepting } = result;
  if (accepting === undefined || blockingOf(result).length === 0) return undefined;
  return `If the change is meant to do so: \`npx loratwin ${accepting}\`, and commit the file.`;
}

export function regressText(result: RegressResult): string {
  const [policies, hint] = [policiesText(result) ?? "", acceptHint(result)];
  const [trained, refused] = [trainedLines(result).join("\n"), refusedLines(result).join("\n")];
  // Of two policies theirs is the verdict.
  const verdicts = result.policies === undefined ? [verdictText(result), policies] : [policies, verdictText(result)];
  return [
    ...[...verdicts, trained].filter((text) => text !== ""),
    ...movedGroups(result).map(groupText),
    ...(refused === "" ? [] : [refused]),
    ...(hint === undefined ? [] : [hint]),
  ].join("\n\n");
}

/** The --json form. */
export function regressFacts(result: RegressResult): unknown {
  const { before, now, goldens, policies, movedPolicies } = result;
  return {
    ...(policies === undefined ? {} : { policies }),
    ...(movedPolicies === undefined ? {} : { movedPolicies }),
    ...{ before, now, blocks: blockingOf(result).length },
    counts: Object.fromEntries(VERDICTS.map((verdict) => [verdict, numberOf(result, verdict)])),
    goldens,
  };
}
