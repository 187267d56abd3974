import { contentHash } from "../../core/index.ts";
import type { Golden, StoredGolden } from "../../plan/index.ts";
import { choicesOf } from "./choices.ts";
import { FIGURES, figuresOf } from "./figures.ts";
import type { GoldenRun } from "./golden-run.ts";
import { brokenInvariants } from "./invariants.ts";
import { changedChoices, whyMoved } from "./why.ts";

/**
 * `broken`: it was planned and simulated before and is not now, or something is wrong that was not; `worse`: a figure has
 * lost more than is allowed. Both block a change. `better`: a figure has gained as much and none has lost; `changed`: other
 * choices, decisions or times, with figures as good as before; `unable`: neither planned it.
 */
export const VERDICTS = ["broken", "worse", "better", "changed", "same", "unable"] as const;
export type Verdict = (typeof VERDICTS)[number];

export function isBlocking(verdict: Verdict): boolean {
  return verdict === "broken" || verdict === "worse";
}

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
}

/** A golden workload as it came out once: with what it was, or what is stored of that. */
export interface SeenGolden {
  readonly golden: Golden;
  readonly stored: StoredGolden;
  readonly error: string | null;
  /** Undefined of a stored one. */
  readonly run: GoldenRun | undefined;
}

/** Actions to the nanosecond, whatever order a file has them in. */
function timesText({ actions, metrics }: GoldenRun): unknown {
  const rows = actions.map(({ device, stream, name, startNs, endNs }) => [device, stream, name, startNs, endNs].join());
  return [rows.sort(), metrics?.jobs ?? []];
}

/** What is kept of a run, and what is wrong with it. `jobs`: of the workload. */
export function seenGolden(golden: Golden, run: GoldenRun, jobs: readonly string[]): SeenGolden {
  const policy = golden.options["policy"];
  const decisions = run.journal.flatMap((line) =>
    line.decisions.map(({ kind, name, pipeline }) => [kind, name, pipeline ?? -1]),
  );
  const choices = choicesOf(run);
  return {
    golden,
    run,
    error: run.error,
    stored: {
      code: run.code,
      figures: { ...figuresOf(run) },
      digests: {
        plan: contentHash(choices),
        decisions: contentHash(decisions),
        times: contentHash(timesText(run)),
      },
      choices: { ...choices },
      broken: [...brokenInvariants(run, { jobs, policy: typeof policy === "string" ? policy : undefined })],
    },
  };
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

function verdictOf(before: SeenGolden, now: SeenGolden, figures: readonly ComparedFigure[]): Verdict {
  const [was, is] = [before.stored, now.stored];
  const { tolerance } = now.golden;
  if (was.code !== 0) return is.code === 0 ? "better" : "unable";
  if (is.code !== 0 || is.broken.some((what) => !was.broken.includes(what))) return "broken";
  if (figures.some(({ isAllowed }) => !isAllowed) || isMemoryMoved(before, now, tolerance)) return "worse";
  if (figures.some(({ name, loss }) => loss < -tolerance && FIGURES[name]!.isFree !== true)) return "better";
  const { plan, decisions, times } = is.digests;
  const isSame = plan === was.digests.plan && decisions === was.digests.decisions && times === was.digests.times;
  return isSame ? "same" : "changed";
}

function reasons(before: SeenGolden, now: SeenGolden): readonly string[] {
  const [was, is] = [before.stored, now.stored];
  if (was.code !== 0) return [`could not be planned before: ${before.error ?? `exit code ${was.code}`}`];
  if (is.code !== 0) return [`was planned before, and fails now: ${now.error ?? `exit code ${is.code}`}`];
  const broken = is.broken.filter((what) => !was.broken.includes(what));
  if (before.run !== undefined && now.run !== undefined) return [...broken, ...whyMoved(before.run, now.run)];
  const digests = Object.entries(is.digests).flatMap(([what, digest]) =>
    digest === was.digests[what as keyof typeof was.digests]
      ? []
      : [what === "plan" ? "" : `other ${what} than before`],
  );
  return [...broken, ...changedChoices(was.choices, is.choices), ...digests.filter((text) => text !== "")];
}

/** A golden workload before and now. */
export function compareGolden(before: SeenGolden, now: SeenGolden): ComparedGolden {
  const { name, guards, tolerance } = now.golden;
  const figures = compareFigures(before.stored, now.stored, tolerance);
  const verdict = verdictOf(before, now, figures);
  return { name, guards, verdict, figures, why: verdict === "same" ? [] : reasons(before, now) };
}
