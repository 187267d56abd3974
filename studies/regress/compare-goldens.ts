import { contentHash } from "../../core/index.ts";
import type { StoredGolden } from "../../plan/index.ts";
import { FIGURES } from "./figures.ts";
import { hasSameTimes, type SeenGolden } from "./seen-golden.ts";
import { type Judges, unexplained } from "./unexplained.ts";
import { changedChoices, whyMoved } from "./why.ts";

/**
 * `broken`: it was planned and simulated before and is not now, something is wrong that was not, or other rows are
 * trained; `worse`: figures have lost more than is allowed; `trade-off`: some have, and others have gained as much;
 * `unexplained`: it moved, and no decision explains it, or it runs only now. These block, unless the change accepts
 * them. `better`: a figure has gained, none has lost, and decisions explain it; `changed`: other decisions, with figures as
 * good as before; `unable`: neither planned it.
 */
export const VERDICTS = ["broken", "worse", "trade-off", "unexplained", "better", "changed", "same", "unable"] as const;
export type Verdict = (typeof VERDICTS)[number];

const BLOCKING: readonly Verdict[] = ["broken", "worse", "trade-off", "unexplained"];

/** A figure of a golden workload, before and now. */
export interface ComparedFigure {
  readonly name: string;
  readonly before: number;
  readonly now: number;
  /** By how much it is worse, as a share of what it was; negative where it is better. */
  readonly loss: number;
  readonly isAllowed: boolean;
}

export interface ComparedGolden {
  readonly name: string;
  readonly guards: string;
  readonly verdict: Verdict;
  readonly figures: readonly ComparedFigure[];
  /** Why, what is at the bottom of it first; empty of one that is the same. */
  readonly why: readonly string[];
  /** What it came to, as an accepted change names it. */
  readonly outcome: string;
  /** Why it is right, where the change accepts it. */
  readonly accepted?: string;
  /** Of its run now, as it passed, or of all that was measured for it; absent where nobody ran it. */
  readonly wallSeconds?: number;
  /** Of one that both revisions trained: how many times as long as before it takes, turn by turn. */
  readonly turnRatios?: readonly number[];
}

export function isBlocking({ verdict, accepted }: Pick<ComparedGolden, "verdict" | "accepted">): boolean {
  return BLOCKING.includes(verdict) && accepted === undefined;
}

/** Whether there is something to tell of it. */
export function isMoved({ verdict }: Pick<ComparedGolden, "verdict">): boolean {
  return verdict !== "same" && verdict !== "unable";
}

function compareFigures(before: StoredGolden, now: StoredGolden, tolerance: number): readonly ComparedFigure[] {
  return Object.entries(FIGURES).flatMap(([name, { better, isFree = false }]): ComparedFigure[] => {
    const [was, is] = [before.figures[name], now.figures[name]];
    if (was === undefined || is === undefined) return [];
    const loss = was === is ? 0 : (better === "less" ? is - was : was - is) / Math.max(Math.abs(was), 1e-12);
    return [{ name, before: was, now: is, loss, isAllowed: isFree || loss <= tolerance }];
  });
}

/** Memory that is thought to be another one of the same plan: devices run out of it, or stand empty. */
function isMemoryMoved({ stored: before }: SeenGolden, { stored: now }: SeenGolden, tolerance: number): boolean {
  const [was = 0, is = 0] = [before.figures["peakMemoryBytes"], now.figures["peakMemoryBytes"]];
  return before.digests.plan === now.digests.plan && Math.abs(is - was) > tolerance * was;
}

/** What is wrong now and was not, in words: it is broken. */
function newlyBroken({ stored: was }: SeenGolden, { stored: is, error }: SeenGolden): readonly string[] {
  if (is.code !== was.code)
    return was.code === 0
      ? [`was planned before, and fails now: ${error ?? `exit code ${is.code}`}`]
      : is.code === 0
        ? []
        : [`failed with exit code ${was.code} before, and with ${is.code} now: ${error ?? "no reason"}`];
  if (is.code !== 0) return [];
  const lost = was.fields.filter((field) => !is.fields.includes(field));
  const figures = Object.keys(was.figures).filter((name) => !(name in is.figures) && lost.length === 0);
  const other = Object.keys({ ...was.work, ...is.work }).filter((job) => was.work[job] !== is.work[job]);
  return [
    ...is.broken.filter((what) => !was.broken.includes(what)),
    ...(lost.length === 0 ? [] : [`a figure is missing: ${lost.join(", ")}`]),
    ...(figures.length === 0 ? [] : [`a figure is missing: ${figures.join(", ")}`]),
    ...(other.length === 0 ? [] : [`other rows are trained than before, and adapters differ: ${other.join(", ")}`]),
  ];
}

function verdictOf(
  before: SeenGolden,
  now: SeenGolden,
  figures: readonly ComparedFigure[],
  { broken, doubts }: { readonly broken: readonly string[]; readonly doubts: readonly string[] },
): Verdict {
  const [was, is] = [before.stored, now.stored];
  const { tolerance } = now.golden;
  if (broken.length > 0) return "broken";
  if (is.code !== 0) return "unable";
  if (was.code !== 0) return "unexplained";
  const isGain = figures.some(({ name, loss }) => loss < -tolerance && FIGURES[name]!.isFree !== true);
  if (figures.some(({ isAllowed }) => !isAllowed)) return isGain ? "trade-off" : "worse";
  if (isMemoryMoved(before, now, tolerance)) return "worse";
  const { plan, decisions } = is.digests;
  if (plan === was.digests.plan && decisions === was.digests.decisions && hasSameTimes(before, now)) return "same";
  if (doubts.length > 0) return "unexplained";
  return isGain ? "better" : "changed";
}

function causes(before: SeenGolden, now: SeenGolden): readonly string[] {
  const [was, is] = [before.stored, now.stored];
  if (is.code !== 0) return [];
  if (was.code !== 0) return [`could not be planned before: ${before.error ?? `exit code ${was.code}`}`];
  if (before.run !== undefined && now.run !== undefined) return whyMoved(before.run, now.run);
  const digests = Object.entries(is.digests).flatMap(([what, digest]) =>
    digest === was.digests[what as keyof typeof was.digests]
      ? []
      : [what === "plan" ? "" : `other ${what} than before`],
  );
  return [...changedChoices(was.choices, is.choices), ...digests.filter((text) => text !== "")];
}

/** Digits of figures that any machine has. */
const DIGITS = 6;

/** What a golden workload came to, whatever machine ran it: a change accepts just that. */
function outcomeOf(verdict: Verdict, { code, figures, digests, choices, broken, work, fields }: StoredGolden): string {
  const rounded = Object.entries(figures).map(([name, value]) => [name, value.toPrecision(DIGITS)]);
  const text = [verdict, code, rounded, digests.plan, digests.decisions, choices, broken, work, fields];
  return contentHash(text).slice(-12);
}

/** What judges a golden workload beside its figures. */
export interface Comparison {
  readonly judges: Judges;
  /** By name and outcome, the words that a change has for what it does. */
  readonly accepted: ReadonlyMap<string, string>;
}

const NOTHING: Comparison = { judges: { crossed: new Map(), changed: [] }, accepted: new Map() };

/** A golden workload before and now. */
export function compareGolden(
  before: SeenGolden,
  now: SeenGolden,
  { judges, accepted }: Comparison = NOTHING,
): ComparedGolden {
  const { name, guards, tolerance } = now.golden;
  const figures = compareFigures(before.stored, now.stored, tolerance);
  const broken = newlyBroken(before, now);
  const doubts = unexplained(before, now, judges);
  const verdict = verdictOf(before, now, figures, { broken, doubts });
  const outcome = outcomeOf(verdict, now.stored);
  const word = accepted.get(`${name} ${outcome}`);
  return {
    ...{ name, guards, verdict, figures, outcome },
    why: isMoved({ verdict })
      ? [...broken, ...doubts, ...causes(before, now)]
      : verdict === "unable"
        ? [now.error ?? `exit code ${now.stored.code}`]
        : [],
    ...(word === undefined ? {} : { accepted: word }),
    ...(now.run === undefined ? {} : { wallSeconds: now.run.wallSeconds }),
  };
}
