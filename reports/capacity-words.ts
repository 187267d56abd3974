import { counted, formatSeconds } from "../core/index.ts";
import type { AcceleratorPrice, Candidate, CapacityAnswer, JobKind, Tenure } from "../plan/index.ts";

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

/** "48 months", "6.5 months" */
export function monthsText(months: number): string {
  return counted(Number(months.toFixed(1)), "month");
}

const GET: Readonly<Record<Tenure, string>> = {
  buy: "Buy",
  reserved: "Reserve",
  "on-demand": "Rent on demand",
  spot: "Rent on spot",
};

const BITS: Readonly<Record<Candidate["precision"], number>> = { bfloat16: 16, float8: 8, float4: 4 };

const ORDERS: Readonly<Record<Candidate["policy"], string>> = {
  fifo: "Jobs start in the order in which they come.",
  sjf: "Short jobs start first.",
  priority: "Jobs of a higher priority start first.",
  mlora: "The scheduler of the mLoRA paper says which jobs start.",
  deadline: "Jobs whose deadline is next start first. Jobs that cannot meet theirs are refused.",
};

/** A candidate for somebody who does not know the words: what to get, and how it is used. */
export function adviceText({ candidate, paidCount }: Pick<Best, "candidate" | "paidCount">): string {
  const { accelerator, count, slot, precision, jobsAtOnce, policy, tenure } = candidate;
  const slots =
    slot === 1
      ? "Each trains jobs by itself"
      : slot === count
        ? "All of them train a job"
        : `Every ${slot} train a job`;
  return [
    `${GET[tenure]} ${paidCount} x ${accelerator}${paidCount === count ? "" : ` and use ${count}`}.`,
    `${slots}${slot === 1 ? "" : " together"} (a slot)${jobsAtOnce === 1 ? "" : `, up to ${jobsAtOnce} jobs at once`}.`,
    `Products of matrices have numbers of ${BITS[precision]} bits.`,
    ORDERS[policy],
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
  const isAnew = buy !== undefined && termMonths > 12 * buy.years;
  const today = prices.interest === 0 ? "" : ` (${money(presentValue)} in today's money)`;
  return [
    tenure === "buy"
      ? `You pay ${money(upFront)} at once for ${had}, and then ${money(monthly)} a month for power` +
        `${buy!.restUsed > 0 ? ", less what others pay who use idle machines" : ""}.`
      : `You pay nothing at once for ${had}, and ${money(monthly)} a month of rent.`,
    `Over ${monthsText(termMonths)} that is ${money(total)}${today}. ` +
      "Each month is taken to cost what the forecast's days cost on average.",
    ...(isAnew ? [`Bought machines last ${monthsText(12 * buy.years)}; then they are bought anew.`] : []),
    prices.interest === 0
      ? "No interest is counted: the prices have 0 % a year."
      : `Interest is ${shareText(prices.interest)} a year, as the prices have it` +
        `${interestCost > 0 ? `: ${money(interestCost)} of the cost of ${counted(answer.days, "day")}` : ""}.`,
  ];
}

/** From when on it is cheaper to buy. */
function evenTexts({ money }: CapacityAnswer): readonly string[] {
  const { ways } = money!;
  if (!ways.some(({ tenure }) => tenure === "buy")) return [];
  return ways
    .filter(({ tenure }) => tenure !== "buy")
    .map(({ tenure, breakEvenMonth }) =>
      breakEvenMonth === null
        ? `Bought machines never become cheaper than the same ones ${WAYS[tenure]}, as long as they last.`
        : `After ${monthsText(breakEvenMonth)} bought machines have cost no more than the same ones ${WAYS[tenure]}.`,
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

/** What failures of machines cost, and how many spare ones it takes, a sentence each. */
export function failureTexts(answer: CapacityAnswer, { money, count }: Figures): readonly string[] {
  const { best, failures } = answer;
  if (best === null) return [];
  const { accelerator, tenure } = best.candidate;
  if (tenure === "on-demand" || tenure === "spot")
    return ["Failures are not counted of machines that are rented by the hour: who rents them out replaces them."];
  const price = priceOf(answer, best).failures;
  if (failures === null || price === undefined)
    return [`Failures of machines are not counted: the prices have no \`failures\` of ${accelerator}.`];
  const { machines, failuresPerYear, downHoursPerYear, lostAcceleratorHours, lostCost, idleCost } = failures;
  const { costPerYear, spares, needed } = failures;
  const all = lostCost + idleCost;
  const chosen = spares[needed ?? spares.length - 1]!;
  const kept = lateText(best, chosen.late);
  return [
    `A machine fails ${counted(price.perYear, "time")} a year and is back after ${formatSeconds(3600 * price.repairHours)}, as the prices have it. ` +
      `With ${counted(machines, "machine", count)} that is ${Number(failuresPerYear.toPrecision(2))} failures a year, ` +
      `and ${formatSeconds(3600 * downHoursPerYear)} in which one is away.`,
    `A failure costs ${money(all)}: ${money(lostCost)} for ${Number(lostAcceleratorHours.toPrecision(2))} hours of an accelerator's training that is done again, ` +
      `${money(idleCost)} for the machine that stands idle. The bill of the repair is not in it. That is ${money(costPerYear)} a year.`,
    needed === 0
      ? `No spare machine is needed: ${kept}.`
      : needed === null
        ? `${counted(chosen.spares, "spare machine")} are not enough: ${kept}.`
        : `${counted(needed, "spare machine")} ${needed === 1 ? "is" : "are"} needed, for ${money(chosen.costPerYear)} a year: ${kept}. ` +
          `Without, ${lateText(best, spares[0]!.late)}.`,
  ];
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
    ...(buy === undefined ? [] : [`${money(buy.price)} for ${counted(buy.years, "year")} to buy`]),
    ...(reservedPerHour === undefined ? [] : [`${money(reservedPerHour)} an hour reserved`]),
    ...(onDemandPerHour === undefined ? [] : [`${money(onDemandPerHour)} an hour on demand`]),
    ...(spot === undefined
      ? []
      : [`${money(spot.perHour)} an hour on spot, taken away ${counted(spot.interruptionsPerDay, "time")} a day`]),
    soldIn === 1 ? "sold one by one" : `sold in machines of ${soldIn}`,
    failures === undefined
      ? "nothing said of failures"
      : `a machine fails ${counted(failures.perYear, "time")} a year for ${formatSeconds(3600 * failures.repairHours)}`,
  ].join("; ");
}
