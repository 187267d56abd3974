import type { Beside, CandidateRow, CapacityReport, Flip } from "../capacity/index.ts";
import type { Candidate, Prices } from "../plan/index.ts";
import { percent, table } from "./output.ts";

/** Rows of a table for people; all of them are in --json. */
const SHOWN = 10;

/** "8 x H100 SXM in slots of 2, float8, on demand" */
function candidateText({ count, accelerator, slot, precision, jobsAtOnce, policy, tenure }: Candidate): string {
  const slots = slot === count ? "in one slot" : slot === 1 ? "each a slot" : `in slots of ${slot}`;
  const shared = jobsAtOnce === 1 ? "" : `, up to ${jobsAtOnce} jobs a slot`;
  return `${count} x ${accelerator} ${slots}, ${precision}${shared}, ${policy}, ${HAD[tenure]}`;
}

const HAD: Readonly<Record<Candidate["tenure"], string>> = {
  buy: "bought",
  reserved: "reserved",
  "on-demand": "on demand",
  spot: "spot",
};

function money(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

function hours(value: number): string {
  return value >= 100 ? `${value.toFixed(0)} h` : `${value.toPrecision(3)} h`;
}

/** What predicted times rest on. */
const RESTS: Readonly<Record<CandidateRow["provenance"], string>> = {
  fitted: "fitted to published steps of this model and accelerator",
  transferred: "transferred from published steps of another model or accelerator",
  peaks: "by peaks alone: nothing is known of its generation",
};

function levelLines({ levels }: CandidateRow): readonly string[] {
  return levels.map(({ kinds, percent: share, levelHours, mean, low, high }) => {
    const whose = levels.length === 1 ? "jobs" : kinds.join(", ");
    return `${share} % of ${whose} within ${hours(mean)} (${hours(low)} to ${hours(high)}; level ${levelHours} h)`;
  });
}

function costParts({ cost: { hardware, energy, rent } }: CandidateRow, currency: string): string {
  if (rent > 0) return "";
  return `, ${money(hardware)} for the hardware's time and ${money(energy)} ${currency} for power`;
}

function besideText(what: string, beside: Beside | null, currency: string): readonly string[] {
  if (beside === null) return [];
  if ("why" in beside) return [`${what}: ${beside.why} (${beside.detail})`];
  const { cost, kept, draws, levels } = beside;
  const tight = levels.map(({ mean, percent: share }) => `${share} % within ${hours(mean)}`).join(", ");
  return [`${what}: ${money(cost.mean)} ${currency}, ${tight}, level kept in ${kept} of ${draws} draws`];
}

function bestLines(report: CapacityReport, { currency }: Prices, days: number): readonly string[] {
  const { best, runnerUp, fewer, more, otherSharing } = report;
  if (best === null) return ["No candidate keeps the level of service."];
  const { candidate, cost, kept, draws, utilisation, layouts, provenance, sigma, holds, checkpointSeconds } = best;
  const slots = layouts.map(
    ({ kind, tensorParallel, dataParallel, recomputedLayers, stepSeconds }) =>
      `${kind}: step ${stepSeconds.toPrecision(3)} s alone, model split ${tensorParallel} ways, rows ${dataParallel} ways` +
      (recomputedLayers > 0 ? ", layers computed twice since memory is short" : ""),
  );
  return [
    candidateText(candidate),
    "",
    `${money(cost.mean)} ${currency} in ${days} days (${money(cost.low)} to ${money(cost.high)})${costParts(best, currency)}`,
    ...levelLines(best),
    `level kept in ${kept} of ${draws} draws; accelerators train ${percent(utilisation)} of the time; ` +
      (holds === "queue" ? "jobs wait longer than they train" : "jobs train longer than they wait"),
    ...(checkpointSeconds === null ? [] : [`a checkpoint every ${Math.round(checkpointSeconds)} s costs least`]),
    ...slots,
    `times ${RESTS[provenance]} (one standard deviation ${percent(sigma, 0)})`,
    "",
    ...(runnerUp === null
      ? []
      : [`next: ${candidateText(runnerUp.candidate)}: ${money(runnerUp.cost.mean)} ${currency}`]),
    ...besideText("a slot fewer", fewer, currency),
    ...besideText("a slot more", more, currency),
    ...besideText(candidate.jobsAtOnce === 1 ? "up to 4 jobs a slot" : "one job a slot", otherSharing, currency),
  ];
}

/** What the answer becomes, a line each; the changes that matter most first. */
function flipLines(flips: readonly Flip[], { best }: CapacityReport, currency: string): readonly string[] {
  if (best === null || flips.length === 0) return [];
  const change = ({ cost }: Flip): number => (cost === null ? Number.MAX_VALUE : Math.abs(cost - best.cost.mean));
  const rows = [...flips]
    .sort((a, b) => change(b) - change(a))
    .map(({ what, candidate, cost, isOther }) => [
      what,
      cost === null ? "-" : money(cost),
      candidate === null ? "none keeps the level" : isOther ? candidateText(candidate) : "the same",
    ]);
  return [table(["otherwise", currency, "the cheapest then"], rows), ""];
}

/** The answer for people. */
export function capacityText(
  report: CapacityReport,
  prices: Prices,
  days: number,
  flips: readonly Flip[] = [],
): string {
  const { meets, misses, pruned, unfit } = report;
  const rows = meets
    .slice(0, SHOWN)
    .map(({ candidate, cost, levels, kept, draws, utilisation }) => [
      candidateText(candidate),
      money(cost.mean),
      hours(Math.max(...levels.map(({ mean }) => mean))),
      percent(utilisation, 0),
      `${kept} of ${draws}`,
    ]);
  const why = (name: string): number => [...pruned, ...unfit].filter((each) => each.why === name).length;
  const counts = [
    `${meets.length} keep the level`,
    `${misses.length} do not`,
    `${why("cannot keep the level")} cannot, by bounds`,
    `${why("costs more")} cost more than those that were found`,
    `${why("no room")} have no room`,
    `${why("unsupported")} unsupported`,
    `${why("no price")} without a price`,
  ].filter((text) => !text.startsWith("0 "));
  return [
    ...bestLines(report, prices, days),
    "",
    ...(rows.length === 0 ? [] : [table(["keeps the level", prices.currency, "hours", "used", "draws"], rows), ""]),
    ...flipLines(flips, report, prices.currency),
    `candidates: ${counts.join(", ")}`,
    `prices of ${prices.date}; storage, network traffic and people are not in them`,
  ].join("\n");
}
