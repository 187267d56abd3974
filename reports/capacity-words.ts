import { counted, formatSeconds } from "../core/index.ts";
import type { AcceleratorPrice, Candidate, CapacityAnswer, JobKind, Tenure } from "../plan/index.ts";
import { machinesText, togetherText } from "./capacity-data.ts";

/** Figures as a rim writes them: money to the cent, and shares. */
export interface Figures {
  readonly money: (amount: number) => string;
  readonly count: (value: number) => string;
}

const WAYS: Readonly<Record<Tenure, string>> = {
  buy: "bought",
  reserved: "reserved",
  "on-demand": "rented on demand",
  spot: "rented on spot",
};

export function wayText(tenure: Tenure): string {
  return WAYS[tenure];
}

/** "8.5 %" */
export function shareText(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** "0.8 %": of late jobs. */
export function lateShareText(share: number): string {
  return share > 0 && share < 5e-4 ? "less than 0.1 %" : `${Number((100 * share).toFixed(1))} %`;
}

/** "12.5", "less than 0.1": hours in a column. */
export function hoursText(hours: number): string {
  return hours > 0 && hours < 0.05 ? "less than 0.1" : hours.toFixed(1);
}

/** "48 months", "6.5 months" */
export function monthsText(months: number): string {
  return counted(Number(months.toFixed(1)), "month");
}

const BITS: Readonly<Record<Candidate["precision"], number>> = { bfloat16: 16, float8: 8, float4: 4 };

const ORDERS: Readonly<Record<Candidate["policy"], string>> = {
  fifo: "jobs start in the order in which they come",
  sjf: "short jobs start first",
  priority: "jobs of a higher priority start first",
  mlora: "the scheduler of the mLoRA paper says which jobs start",
  deadline: "jobs whose deadline is next start first, and those that cannot meet theirs are refused",
};

/** Who has the room, and pays for power. */
const WHERE: Readonly<Record<Tenure, string>> = {
  buy: "They stand in your rooms, and you pay for their power.",
  reserved: "They stand with who rents them out, and the rent has their power in it. They are yours at all hours.",
  "on-demand":
    "They stand with who rents them out, and the rent has their power in it. You pay for hours in which they train.",
  spot:
    "They stand with who rents them out, and the rent has their power in it. You pay for hours in which they train. " +
    "They may be taken away at any time; jobs go on when others are there.",
};

/** Words in the names of candidates, each with what it means: "float8: products of matrices have numbers of 8 bits" */
export function wordMeanings(candidates: readonly Candidate[]): readonly string[] {
  const precisions = new Set(candidates.map(({ precision }) => precision));
  const policies = new Set(candidates.map(({ policy }) => policy));
  return [
    ...[...precisions].sort().map((each) => `${each}: products of matrices have numbers of ${BITS[each]} bits`),
    ...[...policies].sort().map((each) => `${each}: ${ORDERS[each]}`),
  ];
}

/** What is paid for, and how many train a job: "Buy 16 x H100 SXM, of which 9 are used, each trains a job" */
export function titleText({ candidate, paidCount }: Pick<Best, "candidate" | "paidCount">): string {
  const used = paidCount === candidate.count ? "" : `, of which ${candidate.count} are used`;
  return `${machinesText({ ...candidate, count: paidCount })}${used}, ${togetherText(candidate)}`;
}

/** A candidate for somebody who does not know the words: what to get, and how it is used. */
export function adviceText({
  candidate,
  paidCount,
  notTrained,
}: Pick<Best, "candidate" | "paidCount" | "notTrained">): string {
  const { count, slot, tenure } = candidate;
  const together = togetherText(candidate);
  return [
    `${machinesText({ ...candidate, count: paidCount })} accelerators${paidCount === count ? "" : ` and use ${count}`}.`,
    WHERE[tenure],
    `${together[0]!.toUpperCase()}${together.slice(1)}; ${slot === 1 ? "it" : "what trains a job together"} is called a slot.`,
    `In brackets, ${wordMeanings([candidate]).join("; ")}.`,
    ...(notTrained === null
      ? []
      : [`loratwin itself cannot train with them (${notTrained}); --trainable-only leaves such candidates out.`]),
  ].join(" ");
}

type Best = NonNullable<CapacityAnswer["best"]>;

function priceOf({ prices }: CapacityAnswer, { candidate }: Best): AcceleratorPrice {
  return prices.accelerators[candidate.accelerator]!;
}

/** What is paid at once, each month, and over the term. */
function paidTexts(answer: CapacityAnswer, best: Best, { money, count }: Figures): readonly string[] {
  const { prices } = answer;
  const { termMonths, interestCost, ways } = answer.money!;
  const { tenure, accelerator } = best.candidate;
  const { upFront, monthly, total, presentValue } = ways.find((way) => way.tenure === tenure)!;
  const { soldIn, buy } = priceOf(answer, best);
  const used = best.paidCount === best.candidate.count ? "" : `, of which ${count(best.candidate.count)} are used`;
  const whole = soldIn === 1 ? "" : `, which are sold in machines of ${soldIn}${used}`;
  const had = `${count(best.paidCount)} x ${accelerator}${whole}`;
  const isBought = tenure === "buy" && buy !== undefined;
  const isAnew = buy !== undefined && termMonths > 12 * buy.years;
  const { growthPerMonth } = answer.forecast;
  const today = prices.interest === 0 ? "" : ` (${money(presentValue)} in today's money)`;
  return [
    tenure === "buy"
      ? `You pay ${money(upFront)} at once for ${had}, and then ${money(monthly)} a month for power` +
        `${buy!.restUsed > 0 ? ", less what others pay who use idle machines" : ""}.`
      : `You pay nothing at once for ${had}, and ${money(monthly)} a month of rent.`,
    `Over ${monthsText(termMonths)} that is ${money(total)}${today}. ` +
      "Each month is taken to cost what the forecast's days cost on average" +
      `${growthPerMonth === 1 ? "" : ": jobs do not go on to grow behind them"}.`,
    ...(isBought && buy.resale > 0
      ? [
          `After ${monthsText(12 * buy.years)} the machines are sold for ${money(best.paidCount * buy.resale)}, as the prices have it` +
            `${termMonths < 12 * buy.years ? "; that is behind these months, and not in their sum" : "; the sum has it taken off"}.`,
        ]
      : isBought
        ? ["Machines are worth nothing after their years: the prices have no `resale`."]
        : []),
    ...(soldIn > best.candidate.slot && ways.some(({ tenure: way }) => way === "on-demand" || way === "spot")
      ? ["By the hour each slot that trains is taken to rent a machine of its own; jobs that share machines cost less."]
      : []),
    ...(isAnew ? [`Bought machines last ${monthsText(12 * buy.years)}; then they are bought anew.`] : []),
    prices.interest === 0
      ? "No interest is counted: the prices have 0 % a year."
      : `Interest is ${shareText(prices.interest)} a year, as the prices have it` +
        `${interestCost > 0 ? `: ${money(interestCost)} of the cost of ${counted(answer.days, "day")}` : ""}.`,
  ];
}

/** From when on it is cheaper to buy. */
function evenTexts({ money, prices, failures }: CapacityAnswer): readonly string[] {
  const { ways } = money!;
  const terms = [
    ...(prices.interest === 0 ? [] : [", in today's money"]),
    ...(failures === null || failures.costPerYear === 0 ? [] : [", without what failures cost"]),
  ].join("");
  if (!ways.some(({ tenure }) => tenure === "buy")) return [];
  return ways
    .filter(({ tenure }) => tenure !== "buy")
    .map(({ tenure, breakEvenMonth }) =>
      breakEvenMonth === null
        ? `Bought machines never become cheaper than the same ones ${WAYS[tenure]}, as long as they last${terms}.`
        : `After ${monthsText(breakEvenMonth)} bought machines have cost no more than the same ones ${WAYS[tenure]}${terms}.`,
    );
}

function jobTexts({ money, days }: CapacityAnswer, figures: Figures): readonly string[] {
  return money!.jobs.map(({ kind, jobs, cost }) =>
    cost === null
      ? `No job of "${kind}" comes.`
      : `A job of "${kind}" trains one adapter and costs ${figures.money(cost)} on average; ` +
        `${counted(Math.round(jobs), "job", figures.count)} of it ${Math.round(jobs) === 1 ? "comes" : "come"} in ${counted(days, "day")}.`,
  );
}

/** What the recommended machines cost, and when, a sentence each. */
export function moneyTexts(answer: CapacityAnswer, figures: Figures): readonly string[] {
  const { best, money } = answer;
  if (best === null || money === null) return [];
  return [...paidTexts(answer, best, figures), ...evenTexts(answer), ...jobTexts(answer, figures)];
}

/** What a level allows of late jobs, for the level that a row of spares comes nearest to or misses. */
function lateText({ levels }: Best, late: readonly number[]): string {
  return levels
    .map(({ kinds, percent }, level) => {
      const whose = levels.length === 1 ? "jobs" : `${kinds.join(", ")} jobs`;
      return `${lateShareText(late[level]!)} of ${whose} are late on average, and ${shareText(1 - percent / 100)} may be`;
    })
    .join("; ");
}

/** What it costs on spot that accelerators are taken away. */
function interruptionTexts(
  { interruptions, days, prices }: CapacityAnswer,
  { candidate, cost }: Best,
  { money }: Figures,
): readonly string[] {
  if (interruptions === null) return [];
  const { count, secondsEach, costEach, cost: all } = interruptions;
  const { interruptionsPerDay } = prices.accelerators[candidate.accelerator]!.spot!;
  if (count === 0) return ["Accelerators are not taken away while jobs train, as the prices have it."];
  const share = cost.mean === 0 ? "" : `, ${shareText(all / cost.mean)} of it`;
  return [
    `The accelerators of a slot are taken away ${counted(interruptionsPerDay, "time")} a day, as the prices have it: ` +
      `about ${Math.round(count)} times in ${counted(days, "day")} while jobs train.`,
    `Each time costs ${formatSeconds(secondsEach)} of a slot and ${money(costEach)}, for checkpoints, restarts and what is trained again. ` +
      `That is ${money(all)} of the cost of ${counted(days, "day")}${share}.`,
    "Failures of machines are taken to be among these times.",
  ];
}

/** How many more jobs the recommended machines train, a sentence each. */
export function headroomTexts({ headroom, forecast }: CapacityAnswer): readonly string[] {
  if (headroom === null) return [];
  const { kept, missed, draws, months } = headroom;
  const { growthPerMonth: growth } = forecast;
  const reach =
    kept === 1
      ? `with ${missed ?? 1} times as many jobs these machines miss the level`
      : `these machines keep the level with ${kept} times as many jobs` +
        `${missed === null ? "" : `, and miss it with ${missed} times as many`}`;
  return [
    `If more jobs come: ${reach} (${counted(draws, "draw")} of each).`,
    ...(months === null
      ? growth === 1
        ? ["The forecast has no growth (`growthPerMonth`)."]
        : []
      : [
          `The forecast grows to ${growth} times as many jobs each month: ` +
            `${kept === 1 ? "look for more machines at once" : `look for more machines ${missed === null ? "no sooner than " : ""}${monthsText(months)} after its end`}.`,
        ]),
  ];
}

/** What failures of machines cost, and how many spare ones it takes, a sentence each. */
export function failureTexts(answer: CapacityAnswer, { money, count }: Figures): readonly string[] {
  const { best, failures } = answer;
  if (best === null) return [];
  const { accelerator, tenure } = best.candidate;
  if (tenure === "spot") return interruptionTexts(answer, best, { money, count });
  const price = priceOf(answer, best).failures;
  if (failures === null || price === undefined)
    return [`Failures of machines are not counted: the prices have no \`failures\` of ${accelerator}.`];
  const { machines, failuresPerYear, downHoursPerYear, lostAcceleratorHours, lostCost, idleCost } = failures;
  const { costPerYear, spares, needed, repairCost } = failures;
  const all = lostCost + repairCost;
  const lost = `${formatSeconds(3600 * lostAcceleratorHours)} of an accelerator's training that is done again`;
  if (tenure === "on-demand")
    return [
      `A machine fails ${counted(price.perYear, "time")} a year, as the prices have it. ` +
        `For the hours that are rented that is ${Number(failuresPerYear.toPrecision(2))} failures a year. Who rents machines out replaces them.`,
      `A failure costs ${money(all)} of rent, for ${lost}. That is ${money(costPerYear)} a year.`,
    ];
  const chosen = spares[needed ?? spares.length - 1]!;
  const kept = lateText(best, chosen.late);
  return [
    `A machine fails ${counted(price.perYear, "time")} a year and is back after ${formatSeconds(3600 * price.repairHours)}, as the prices have it. ` +
      `With ${counted(machines, "machine", count)} that is ${Number(failuresPerYear.toPrecision(2))} failures a year, ` +
      `and ${formatSeconds(3600 * downHoursPerYear)} in which one is away.`,
    `A failure costs ${money(all)}: ${money(lostCost)} for ${lost}` +
      `${repairCost > 0 ? `, ${money(repairCost)} for the repair` : ""}. That is ${money(costPerYear)} a year, beside the costs above.` +
      `${idleCost > 0 ? ` The machine stands idle meanwhile, for ${money(idleCost)} of what it costs anyway.` : ""}` +
      `${tenure === "buy" && repairCost === 0 ? " The bill of the repair is not in it: the prices have no `repairCost`." : ""}`,
    needed === 0
      ? `No spare machine is needed: ${kept}.`
      : needed === null
        ? `${counted(chosen.spares, "spare machine")} are not enough: ${kept}.`
        : `${counted(needed, "spare machine")} ${needed === 1 ? "is" : "are"} needed, for ${money(chosen.costPerYear)} a year: ${kept}. ` +
          `Without, ${lateText(best, spares[0]!.late)}.`,
  ];
}

/** What no figure of an answer has in it. */
export function notCounted({ best, prices }: Pick<CapacityAnswer, "best" | "prices">): string {
  const isOurs =
    best?.candidate.tenure === "buy" && !prices.accelerators[best.candidate.accelerator]!.failures?.repairCost;
  const repairs = isOurs ? ["repairs"] : [];
  return ["storage", "network traffic", ...repairs].join(", ").concat(" and people");
}

/** A kind of jobs as the forecast has it. */
export function kindText(kind: JobKind, count: Figures["count"]): string {
  const { name, model, perDay, samples, samplesSigma, epochs, batchSize, tokens, rank, targets } = kind;
  const differ = samplesSigma === 0 ? "" : ` on average (standard deviation of the logarithm ${samplesSigma})`;
  return (
    `${name}: ${count(perDay)} a day, ${typeof model === "string" ? model : "an architecture of its own"}; ` +
    `${count(samples)} rows${differ}, each trained on ${epochs === 1 ? "once" : `${epochs} times`}, ${batchSize} rows a step, ` +
    `${count(tokens.mean)} tokens a row and ${count(tokens.max)} at most; rank ${rank} on ${targets.join(", ")}`
  );
}

/** What an accelerator costs in each way that has a price. */
export function priceText(price: AcceleratorPrice, money: Figures["money"]): string {
  const { buy, reservedPerHour, onDemandPerHour, spot, soldIn, failures } = price;
  return [
    ...(buy === undefined
      ? []
      : [
          `${money(buy.price)} for ${counted(buy.years, "year")} to buy` +
            `${buy.resale > 0 ? `, sold for ${money(buy.resale)} at their end` : ""}` +
            `, idle at ${shareText(buy.idlePower)} of its power`,
        ]),
    ...(reservedPerHour === undefined ? [] : [`${money(reservedPerHour)} an hour reserved`]),
    ...(onDemandPerHour === undefined ? [] : [`${money(onDemandPerHour)} an hour on demand`]),
    ...(spot === undefined
      ? []
      : [`${money(spot.perHour)} an hour on spot, taken away ${counted(spot.interruptionsPerDay, "time")} a day`]),
    soldIn === 1 ? "sold one by one" : `sold in machines of ${soldIn}`,
    failures === undefined
      ? "nothing said of failures"
      : `a machine fails ${counted(failures.perYear, "time")} a year for ${formatSeconds(3600 * failures.repairHours)}` +
        `${failures.repairCost > 0 ? ` and ${money(failures.repairCost)}` : ""}`,
  ].join("; ");
}
