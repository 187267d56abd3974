import { counted, formatSeconds, formatSecondsRange } from "../core/index.ts";
import type { Beside, CandidateRow, CapacityAnswer, CapacityObjective } from "../plan/index.ts";
import {
  adviceText,
  apartAgainst,
  besides,
  boundsMeaning,
  candidateCounts,
  candidateText,
  keptBound,
  keptText,
  MISSES_MEANING,
  missText,
  nearestText,
  notCounted,
  RESTS,
  SPLIT_MEANING,
  splitText,
  tiedText,
  titleText,
  unfitReasons,
  withoutTies,
  wordMeanings,
} from "../reports/index.ts";
import { inputLines, moneyLines } from "./describe-capacity-money.ts";
import { largestParts } from "./describe-shares.ts";
import { assumptionLines, percent, table, wholeText, wrapped } from "./output.ts";
import { sparkline } from "./sparkline.ts";

/** Rows of a table for people; all of them are in --json. */
const SHOWN = 10;

const hours = (value: number): string => formatSeconds(3600 * value);

function levelLines({ levels }: CandidateRow): readonly string[] {
  return levels.map(({ kinds, percent: share, levelHours, mean, low, high }) => {
    const whose = levels.length === 1 ? "jobs" : kinds.join(", ");
    return (
      `${share} % of ${whose} end within ${hours(mean)} of their arrival ` +
      `(${formatSecondsRange(3600 * low, 3600 * high)} in nine of ten draws; level ${hours(levelHours)})`
    );
  });
}

function costParts({ candidate, cost, kilowattHours }: CandidateRow, currency: string): string {
  const { hardware, energy } = cost;
  const power = `${wholeText(kilowattHours)} kWh`;
  if (candidate.tenure !== "buy") return `, with ${power} in it`;
  return `: ${wholeText(hardware)} for the hardware's time and ${wholeText(energy)} ${currency} for ${power}`;
}

function besideText(what: string, beside: Beside, answer: CapacityAnswer): string {
  const { currency } = answer;
  if ("why" in beside) return `${what}: ${beside.why} (${beside.detail})`;
  if (what.startsWith("next: ")) return `${what}: ${wholeText(beside.cost.mean)} ${currency}`;
  const { cost, levels } = beside;
  const tight = levels.map(({ mean, percent: share }) => `${share} % within ${hours(mean)}`).join(", ");
  const missed = missText(beside, answer);
  const known = [answer.meets, answer.misses, answer.pruned].flat();
  const isOwn = known.some(({ candidate }) => JSON.stringify(candidate) === JSON.stringify(beside.candidate));
  return (
    `${what}: ${wholeText(cost.mean)} ${currency}, ${tight}, level kept in ${keptText(beside, answer)}` +
    (isOwn ? "" : " (none of your candidates)") +
    (missed === undefined ? "" : `\n  it fails: ${missed}`)
  );
}

/** What it is to have machines of its own for each base model. */
function apartLines(answer: CapacityAnswer): readonly string[] {
  const { apart, currency } = answer;
  if (apart === null) return [];
  const { cost, pools } = apart;
  const against = apartAgainst(answer);
  return [
    `each base model on machines of its own: ${wholeText(cost.mean)} ${currency} (${wholeText(cost.low)} to ` +
      `${wholeText(cost.high)})${against === undefined ? "" : `, ${against}`}, levels kept in ${keptText(apart, answer)}`,
    ...pools.map(({ kinds, best: { candidate, cost: own, levels } }) => {
      const within = levels.map(({ mean, percent: share }) => `${share} % within ${hours(mean)}`).join(", ");
      return `  ${kinds.join(", ")}: ${candidateText(candidate)}: ${wholeText(own.mean)} ${currency}, ${within}`;
    }),
  ];
}

/** Parts that could be faster; the rest is of many kinds. */
const NAMED_PARTS = ["products", "attention", "memory", "link"] as const;

/** How a job of a kind is laid out on a slot. */
function layoutText(layout: CandidateRow["layouts"][number]): string {
  const { kind, recomputedLayers, stepSeconds, memoryShare, shares } = layout;
  const split = splitText(layout);
  const twice =
    recomputedLayers > 0 ? `, ${counted(recomputedLayers, "layer")} computed twice since memory is short` : "";
  return (
    `${kind}: a step takes ${formatSeconds(stepSeconds)} alone (${largestParts(shares, NAMED_PARTS)}), ${split === "whole" ? "not split" : `split ${split}`}, ` +
    `${percent(memoryShare, 0)} of the memory${twice}`
  );
}

/** Columns of a curve for people. */
const WIDTH = 84;

/** That machines which fail are not in the costs and the level. */
function failureLines({ failures, currency }: CapacityAnswer): readonly string[] {
  if (failures === null || (failures.costPerYear === 0 && failures.needed === 0)) return [];
  const { costPerYear, needed, spares } = failures;
  const level =
    needed === 0
      ? ""
      : needed === null
        ? `, and ${counted(spares.at(-1)!.spares, "spare machine")} are not enough for the level`
        : `, and the level needs ${counted(needed, "spare machine")} for ${wholeText(spares[needed]!.costPerYear)} ${currency} a year`;
  return [`failures of machines are in neither: they cost ${wholeText(costPerYear)} ${currency} a year${level}`];
}

/** The hours of a week as a curve: how many slots train, and how many jobs wait. */
function weekLines({ week }: CapacityAnswer): readonly string[] {
  if (week === null) return [];
  const { waiting, busy } = week;
  const most = Math.max(...waiting);
  const days = busy.length >= 168 ? "Monday to Sunday" : `${counted(Math.round(busy.length / 24), "day")} from Monday`;
  return [
    "",
    `slots that train, ${days}: ${percent(Math.min(...busy), 0)} to ${percent(Math.max(...busy), 0)}`,
    sparkline(busy, WIDTH),
    ...(most < 0.05 ? [] : [`jobs that wait: up to ${most.toPrecision(2)}`, sparkline(waiting, WIDTH)]),
  ];
}

const FIRST_BY: Readonly<Record<CapacityObjective, string>> = {
  cost: "the cheapest",
  energy: "the one with the least energy",
  time: "the one with the least of the level's hours",
};

const HOLDS: Readonly<Record<CandidateRow["holds"], string>> = {
  queue: "jobs wait longer than they train",
  training: "jobs train longer than they wait",
};

function bestLines(answer: CapacityAnswer): readonly string[] {
  const { best, currency, days, objective, probability } = answer;
  if (best === null) {
    const isUnseen = answer.misses.length === 0 && answer.apart === null;
    const reasons = isUnseen ? unfitReasons(answer).slice(0, SHOWN) : [];
    const why = reasons.map((reason) => `not looked at, ${reason}`);
    const nearest = nearestText(answer);
    return [
      "No candidate keeps the level of service.",
      ...(nearest === undefined ? [] : wrapped(nearest)),
      ...why,
      ...apartLines(answer),
    ];
  }
  const { cost, kept, draws, isSure, utilisation, holds, checkpointSeconds } = best;
  return [
    titleText(best),
    ...(objective === "cost" ? [] : [`${FIRST_BY[objective]} that keeps the level`]),
    "",
    ...wrapped(adviceText(best)),
    "",
    `costs ${wholeText(cost.mean)} ${currency} in ${counted(days, "day")} (${wholeText(cost.low)} to ${wholeText(cost.high)} in nine of ten draws)${costParts(best, currency)}`,
    ...levelLines(best),
    `level kept in ${kept} of ${counted(draws, "draw")}, ${keptBound(best, answer)} of all${isSure ? "" : `: not sure to be ${percent(probability, 0)} of them`}`,
    ...failureLines(answer),
    `a draw is a simulation of ${days === 1 ? "the day" : `all ${counted(days, "day")}`}, with random arrivals and random errors of times`,
    `accelerators train ${percent(utilisation)} of the time${utilisation === 0 ? "" : `; ${HOLDS[holds]}`}`,
    ...(checkpointSeconds === null ? [] : [`a checkpoint every ${formatSeconds(checkpointSeconds)} costs least`]),
    ...moneyLines(answer),
    "",
    ...(answer.fewer === null ? ["a slot fewer: there is one slot alone"] : []),
    ...besides(answer).map(([what, beside]) => besideText(what, beside, answer)),
    ...apartLines(answer),
    ...weekLines(answer),
  ];
}

/** How jobs are trained, and what their times rest on. */
function technicalLines({ best }: CapacityAnswer): readonly string[] {
  if (best === null) return [];
  const { layouts, provenance, sigma, assumes } = best;
  return [
    "for engineers: how jobs train on a slot, and what their times rest on",
    ...layouts.map(layoutText),
    ...wrapped(SPLIT_MEANING),
    `times ${RESTS[provenance]} (one standard deviation ${percent(sigma, 0)})`,
    ...assumptionLines(assumes),
    "",
  ];
}

/** Columns of the bars of what an answer becomes. */
const BAR = 24;

/** A bar from what the answer costs to what it would: to the right where that is more. */
function bar(cost: number, from: number, most: number): string {
  const length = most === 0 ? 0 : Math.round((BAR / 2) * Math.min(1, Math.abs(cost - from) / most));
  const [left, right] = cost < from ? [length, 0] : [0, length];
  return `${"█".repeat(left).padStart(BAR / 2)}|${"█".repeat(right).padEnd(BAR / 2)}`;
}

/** What the answer becomes, a line each; the changes that matter most first. */
function flipLines({ flips, best, currency, objective }: CapacityAnswer): readonly string[] {
  if (best === null || flips.length === 0) return [];
  const from = best.cost.mean;
  const change = (cost: number | null): number => (cost === null ? Number.MAX_VALUE : Math.abs(cost - from));
  const most = Math.max(...flips.flatMap(({ cost }) => (cost === null ? [] : [change(cost)])));
  const rows = [...flips]
    .sort((a, b) => change(b.cost) - change(a.cost))
    .map(({ what, candidate, cost, isOther }) => [
      what,
      cost === null ? "-" : wholeText(cost),
      cost === null ? "" : bar(cost, from, most),
      candidate === null ? "none keeps the level" : isOther ? candidateText(candidate) : "the same",
    ]);
  return [table(["otherwise", currency, "less | more", `${FIRST_BY[objective]} then`], rows), ""];
}

/** A line a candidate that was simulated, ties in one; so many lines at most. */
function candidatesText(what: string, all: readonly CandidateRow[], most: number, answer: CapacityAnswer): string {
  const rows = withoutTies(all)
    .slice(0, most)
    .map((tied) => [
      tiedText(tied),
      wholeText(tied.row.cost.mean),
      hours(Math.max(...tied.row.levels.map(({ mean }) => mean))),
      percent(tied.row.utilisation, 1),
      `${tied.row.kept} of ${tied.row.draws}`,
      keptBound(tied.row, answer),
    ]);
  return table([what, answer.currency, "end within", "train", "kept in", "of all draws"], rows);
}

/** Rows of a table of those that miss the level, the cheapest first. */
const SHOWN_MISSES = 5;

/** Those that miss the level: what is near the recommendation, and why it is not recommended. */
function missLines(answer: CapacityAnswer): readonly string[] {
  const { misses } = answer;
  if (misses.length === 0) return [];
  const cheapest = [...misses].sort((a, b) => a.cost.mean - b.cost.mean);
  const which = misses.length > SHOWN_MISSES ? [`The cheapest ${SHOWN_MISSES} of ${misses.length}.`] : [];
  return [candidatesText("misses the level", cheapest, SHOWN_MISSES, answer), ...which, MISSES_MEANING, ""];
}

/** What the words in brackets mean. */
function namesLines({ meets, misses }: CapacityAnswer): readonly string[] {
  const shown = [...meets, ...misses].map(({ candidate }) => candidate);
  return shown.length === 0 ? [] : [...wrapped(`in brackets, ${wordMeanings(shown).join("; ")}`), ""];
}

/** The answer for people. */
export function capacityText(answer: CapacityAnswer): string {
  const { meets, pricesOf, draws, seed } = answer;
  return [
    ...bestLines(answer),
    "",
    ...(meets.length === 0 ? [] : [candidatesText("keeps the level", meets, SHOWN, answer), ""]),
    ...missLines(answer),
    ...flipLines(answer),
    ...namesLines(answer),
    ...technicalLines(answer),
    `candidates: ${candidateCounts(answer).join(", ")}`,
    `${counted(draws, "draw")} of every candidate, seed ${seed}; costs and times are of these`,
    ...boundsMeaning(answer),
    ...inputLines(answer),
    `prices of ${pricesOf}; ${notCounted(answer)} are not in them`,
  ].join("\n");
}
