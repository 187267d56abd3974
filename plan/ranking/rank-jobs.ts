import { canonicalJson, groupBy, ratioOfSums } from "../../core/index.ts";
import type { Spent } from "../documents/money.ts";
import { mainEffect } from "./main-effects.ts";
import { type RankedSettings, type SettingValue, variedSettings } from "./varied-keys.ts";

/** A loss on held-out rows. */
export interface HeldOutLoss {
  /** The step behind which it was taken, from 0. */
  readonly step: number;
  readonly loss: number;
  /** Of blocks of the rows: the sum of their tokens' losses, and how many these are; none where it is not known. */
  readonly blocks: readonly (readonly [loss: number, scored: number])[];
}

/** A job, and what its evaluations have said. */
export interface JudgedJob {
  readonly job: RankedSettings;
  /** In their order. */
  readonly evaluations: readonly Pick<HeldOutLoss, "step" | "loss">[];
  /** The lowest of them. */
  readonly best: HeldOutLoss;
  /** The base alone, of a job that has asked for it. */
  readonly base: Pick<HeldOutLoss, "loss" | "blocks"> | undefined;
  /** What it has taken of devices so far. */
  readonly spent: Spent;
}

export interface RankedJob {
  readonly name: string;
  readonly loss: number;
  /** Of the lowest loss, from 0. */
  readonly step: number;
  /** Steps that it was evaluated at last, counted from 1. */
  readonly lastStep: number;
  readonly spent: Spent;
  /** By key of `Ranking.keys`. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** By how much its loss is above the best, on the same rows; null for the best, and where rows are not comparable. */
  readonly behind: { readonly value: number; readonly low: number; readonly high: number } | null;
}

/** Jobs that are evaluated on the same rows, the lowest loss first. */
export interface Ranking {
  /** Tokens of these rows that are scored; null where that is not known. */
  readonly scoredTokens: number | null;
  readonly level: number;
  /** The base alone, and by how much the best is below it; null where nobody has asked for it. */
  readonly base: { readonly loss: number; readonly gain: RankedJob["behind"] } | null;
  readonly jobs: readonly RankedJob[];
  /** Settings in which the jobs differ, and how much of the jobs' order each explains alone, where that can be said. */
  readonly keys: readonly { readonly key: string; readonly share: number | null }[];
  /** Rows that all jobs had seen when they were compared for these shares. */
  readonly comparedRows: number;
}

const LEVEL = 0.95;

/** What jobs have to have in common for their losses to be of the same rows. */
function heldOutKey({ job: { loss, evaluation, data, dataDigest = null } }: JudgedJob): string {
  const { share, data: own, maxRows } = evaluation ?? {};
  return canonicalJson({
    kind: loss?.kind ?? null,
    ...{ share: share ?? null, maxRows: maxRows ?? null, own: own ?? null },
    data: share === undefined ? null : [dataDigest, dataDigest === null ? data : null],
  });
}

type Blocks = HeldOutLoss["blocks"];

/** How far one loss is above another, row by row; null where these are not the same rows. */
function difference(above: Blocks, below: Blocks): RankedJob["behind"] {
  const isSame = above.length === below.length && above.every(([, scored], at) => scored === below[at]![1]);
  if (above.length < 2 || !isSame) return null;
  const { value, range } = ratioOfSums(
    above.map(([loss], at) => loss - below[at]![0]),
    above.map(([, scored]) => scored),
    LEVEL,
  );
  return { value, low: range[0], high: range[1] };
}

/** The losses of all jobs where the first to end ended, and the rows that they had seen by then. */
function comparable(jobs: readonly JudgedJob[]): { readonly rows: number; readonly losses: readonly number[] } {
  const rowsAt = ({ job }: JudgedJob, step: number): number => (step + 1) * job.batchSize;
  const rows = Math.min(...jobs.map((judged) => rowsAt(judged, judged.evaluations.at(-1)!.step)));
  const losses = jobs.map((judged) => {
    const { evaluations } = judged;
    const at = evaluations.findLast(({ step }) => rowsAt(judged, step) <= rows) ?? evaluations[0]!;
    // One that diverged is behind all others.
    return Number.isFinite(at.loss) ? at.loss : Number.MAX_VALUE;
  });
  return { rows, losses };
}

function rankingOf(judged: readonly JudgedJob[]): Ranking {
  const jobs = [...judged].sort((a, b) => a.best.loss - b.best.loss || a.best.step - b.best.step);
  const varied = variedSettings(jobs.map(({ job }) => job));
  const best = jobs[0]!.best;
  const base = jobs.find((each) => each.base !== undefined)?.base;
  const { rows, losses } = comparable(jobs);
  return {
    scoredTokens: best.blocks.length === 0 ? null : best.blocks.reduce((total, [, scored]) => total + scored, 0),
    level: LEVEL,
    base: base === undefined ? null : { loss: base.loss, gain: difference(base.blocks, best.blocks) },
    jobs: jobs.map((each, place) => ({
      ...{ name: each.job.name, loss: each.best.loss, step: each.best.step },
      ...{ lastStep: each.evaluations.at(-1)!.step + 1, spent: each.spent },
      settings: Object.fromEntries([...varied].map(([key, values]) => [key, values[place]!])),
      behind: place === 0 ? null : difference(each.best.blocks, best.blocks),
    })),
    keys: [...varied]
      .map(([key, values]) => ({ key, share: mainEffect(losses, values) ?? null }))
      .sort((a, b) => (b.share ?? -1) - (a.share ?? -1)),
    comparedRows: rows,
  };
}

/** Rankings of jobs that are evaluated on the same rows; of a job that nobody can be compared with none. */
export function rankJobs(judged: readonly JudgedJob[]): readonly Ranking[] {
  return [...groupBy(judged, heldOutKey).values()].filter((own) => own.length > 1).map(rankingOf);
}
