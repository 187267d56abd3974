import { counted, formatSeconds, groupBy } from "../core/index.ts";
import type { Beside, CandidateRow, CapacityAnswer, StepLayout } from "../plan/index.ts";

/** What the page of an answer about machines is made of; server side and client share it. */
export interface CapacityPageData {
  readonly answer: CapacityAnswer;
  /** When it was made. */
  readonly date: string;
  readonly version: string;
}

type Candidate = CandidateRow["candidate"];

const GET: Readonly<Record<Candidate["tenure"], string>> = {
  buy: "Buy",
  reserved: "Reserve",
  "on-demand": "Rent on demand",
  spot: "Rent on spot",
};

/** What is bought or rented: "Rent on demand 8 x H100 SXM" */
export function machinesText({ count, accelerator, tenure }: Omit<Candidate, "slot">): string {
  return `${GET[tenure]} ${count} x ${accelerator}`;
}

/** How many train a job: "every 2 train up to 4 jobs" */
export function togetherText({ count, slot, jobsAtOnce }: Candidate): string {
  const jobs = jobsAtOnce === 1 ? "a job" : `up to ${jobsAtOnce} jobs`;
  return slot === 1 ? `each trains ${jobs}` : slot === count ? `all train ${jobs}` : `every ${slot} train ${jobs}`;
}

/** Words that only the simulator's people use, behind those that others do. */
const wordsText = ({ precision, policy }: Candidate): string => `${precision}, ${policy}`;

/** "Rent on demand 8 x H100 SXM, every 2 train a job (float8, fifo)" */
export function candidateText(candidate: Candidate): string {
  return `${machinesText(candidate)}, ${togetherText(candidate)} (${wordsText(candidate)})`;
}

/** What a split's letters mean. */
export const SPLIT_MEANING =
  "tp, cp, pp, dp: so many accelerators share layers, rows, stages or copies of the model; ZeRO-3: and its weights.";

/** How the model and the rows are split, in few characters: "tp 2, cp 2, dp 4, ZeRO-3". */
export function splitText(layout: StepLayout): string {
  const { tensorParallel, contextParallel, contextExchange, pipelineParallel, dataParallel, sharded } = layout;
  const parts = [
    ...(tensorParallel > 1 ? [`tp ${tensorParallel}`] : []),
    ...(contextParallel > 1 ? [`cp ${contextParallel}${contextExchange === "ring" ? " (ring)" : ""}`] : []),
    ...(pipelineParallel > 1 ? [`pp ${pipelineParallel}`] : []),
    ...(dataParallel > 1 ? [`dp ${dataParallel}`] : []),
    ...(sharded === "weights" ? ["ZeRO-3"] : []),
  ];
  return parts.length === 0 ? "whole" : parts.join(", ");
}

/** What predicted times rest on. */
export const RESTS: Readonly<Record<CandidateRow["provenance"], string>> = {
  fitted: "fitted to published steps of this model and accelerator",
  transferred: "transferred from published steps of another model or accelerator",
  peaks: "by peaks alone: nothing is known of its generation",
};

type Surety = Pick<CandidateRow, "kept" | "draws" | "keptAtLeast" | "keptAtMost" | "isSure">;

/** A share of draws as a bound: rounded so that it stays one. */
function boundText(share: number, round: (value: number) => number): string {
  return `${round(100 * share)} %`;
}

/** Of all draws in at least so many, or in at most so many where too few of those that were drawn kept the level. */
export function keptBound(
  { kept, draws, keptAtLeast, keptAtMost }: Surety,
  { probability }: Pick<CapacityAnswer, "probability">,
): string {
  return kept < probability * draws - 1e-9
    ? `at most ${boundText(keptAtMost, Math.ceil)}`
    : `at least ${boundText(keptAtLeast, Math.floor)}`;
}

/** The same with the draws: "94 of 100, at least 89 %". */
export function keptText(surety: Surety, answer: Pick<CapacityAnswer, "probability">): string {
  return `${surety.kept} of ${surety.draws}, ${keptBound(surety, answer)}`;
}

/** How the bounds of shares are meant, and who has more draws. */
export function boundsMeaning({ confidence, probability }: CapacityAnswer): readonly string[] {
  const text = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;
  return [
    `"At least" and "at most" are one-sided bounds of the share of all draws there are, each ${text(confidence)} sure (Clopper-Pearson).`,
    `A candidate whose share may lie on either side of ${text(probability)} has more draws.`,
  ];
}

/** What of the candidates that miss the level was computed. */
export const MISSES_MEANING =
  "Of those that miss the level no more draws are simulated than it takes to know; costs and times are of these.";

/** Slots of one accelerator, had in one way, that cost as much to the cent: the first of them, and the others. */
export interface TiedRow {
  readonly row: CandidateRow;
  readonly others: readonly CandidateRow[];
}

/** Ties in one row each, in order. */
export function withoutTies(rows: readonly CandidateRow[]): readonly TiedRow[] {
  const keyOf = ({ candidate: { accelerator, slot, precision, tenure }, cost }: CandidateRow): string =>
    [accelerator, slot, precision, tenure, cost.mean.toFixed(2)].join();
  return [...groupBy(rows, keyOf).values()].map(([row, ...others]) => ({ row: row!, others }));
}

/** "Rent on demand 4 x H100 SXM, all train a job (float8, fifo); 8 and 16 cost the same" */
export function tiedText({ row, others }: TiedRow): string {
  const text = candidateText(row.candidate);
  if (others.length === 0) return text;
  const counts = [...new Set(others.map(({ candidate }) => candidate.count))];
  const which = counts.some((count) => count !== row.candidate.count)
    ? [counts.slice(0, -1).join(", "), counts.at(-1)].filter((part) => part !== "").join(" and ")
    : `${others.length} others`;
  return `${text}; ${which} cost the same`;
}

/** What a candidate misses, in words; undefined where it keeps the level in enough draws. */
export function missText(row: CandidateRow, { probability }: Pick<CapacityAnswer, "probability">): string | undefined {
  const { kept, draws, levels } = row;
  if (kept >= probability * draws - 1e-9) return undefined;
  const missed = levels.filter(({ high, levelHours }) => high > levelHours);
  return missed
    .map(
      ({ kinds, percent, mean, levelHours }) =>
        `${percent} % of ${levels.length === 1 ? "jobs" : kinds.join(", ")} end within ` +
        `${formatSeconds(3600 * mean)}; the level asks for ${formatSeconds(3600 * levelHours)}`,
    )
    .join("; ");
}

/** The candidate that misses the level by the least share of its hours, and what it misses; undefined where none was simulated. */
export function nearestText(answer: Pick<CapacityAnswer, "misses" | "probability">): string | undefined {
  const share = ({ levels }: CandidateRow): number =>
    Math.max(...levels.map(({ mean, levelHours }) => mean / levelHours));
  const nearest = answer.misses.toSorted((a, b) => share(a) - share(b))[0];
  if (nearest === undefined) return undefined;
  const missed =
    missText(nearest, answer) || `the level is kept in ${nearest.kept} of ${counted(nearest.draws, "draw")}`;
  return `Nearest: ${candidateText(nearest.candidate)}: ${missed}.`;
}

/** What stands next to the recommended candidate, by name; those that there are. */
export function besides(answer: CapacityAnswer): readonly (readonly [string, Beside])[] {
  const { runnerUp, fewer, more, otherSharing } = answer;
  const many = (beside: Beside): string => {
    const { count, accelerator } = beside.candidate;
    const paid = "paidCount" in beside && beside.paidCount !== count ? ` (${beside.paidCount} are paid for)` : "";
    return `${count} x ${accelerator}${paid}`;
  };
  const all: readonly (readonly [string, Beside | null])[] = [
    [runnerUp === null ? "" : `next: ${candidateText(runnerUp.candidate)}`, runnerUp],
    [fewer === null ? "" : `a slot fewer, ${many(fewer)}`, fewer],
    [more === null ? "" : `a slot more, ${many(more)}`, more],
    [otherSharing === null ? "" : `the same, ${togetherText(otherSharing.candidate)}`, otherSharing],
  ];
  return all.flatMap(([name, beside]) => (beside === null ? [] : [[name, beside] as const]));
}

/** Machines apart against those that are recommended: "12 % less than machines for all", where there are both. */
export function apartAgainst({ apart, best }: Pick<CapacityAnswer, "apart" | "best">): string | undefined {
  if (apart === null || best === null || best.cost.mean === 0) return undefined;
  const change = apart.cost.mean / best.cost.mean - 1;
  const percent = `${(100 * Math.abs(change)).toFixed(0)} %`;
  return percent === "0 %"
    ? "as much as machines for all"
    : `${percent} ${change < 0 ? "less" : "more"} than machines for all`;
}

/** Of the hours of the tightest level, those that are taken, on average over the draws. */
export function tightestShare({ levels }: CandidateRow): {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
} {
  const share = (key: "mean" | "low" | "high") => Math.max(...levels.map((level) => level[key] / level.levelHours));
  return { mean: share("mean"), low: share("low"), high: share("high") };
}

/** Why candidates were not looked at, and how many for each reason: "no room: large (12)". */
export function unfitReasons({ unfit }: Pick<CapacityAnswer, "unfit">): readonly string[] {
  return [...groupBy(unfit, ({ why, detail }) => `${why}: ${detail}`)].map(([why, all]) => `${why} (${all.length})`);
}

/** How many candidates fared how, in words. */
export function candidateCounts({ meets, misses, pruned, unfit }: CapacityAnswer): readonly string[] {
  const why = (name: string): number => [...pruned, ...unfit].filter((each) => each.why === name).length;
  return [
    `${meets.length} keep the level`,
    `${misses.length} do not`,
    `${why("cannot keep the level")} cannot, by bounds`,
    `${why("comes behind")} come behind those that were found, by bounds`,
    `${why("no room")} have no room`,
    `${why("unsupported")} unsupported`,
    `${why("not trainable")} cannot be trained with`,
    `${why("no price")} without a price`,
  ].filter((text) => !text.startsWith("0 "));
}
