import { mean, sum } from "../core/index.ts";
import { type CapacityMoney, TENURES } from "../plan/index.ts";
import { type CandidateFleet, type CapacityWorld, candidateFleet } from "./candidate-fleet.ts";
import { type JudgedCandidate, type JudgeInput, judgeAll } from "./judge-candidate.ts";
import { hardwarePerHour, MONTHS_PER_YEAR } from "./money.ts";
import { breakEvenMonth, type MonthPaid, monthsOf, type Payments, paymentsOf, presentCents } from "./payments.ts";
import { drawnFleet } from "./simulated-draws.ts";
import { aloneSeconds } from "./slot-fleet.ts";

/** Of machines without a price to buy at. */
const TERM_MONTHS = 12;

/** A candidate's cost in parts, on average over draws. */
export function meanParts({ draws }: JudgedCandidate) {
  const part = (key: "hardware" | "energy" | "rent" | "total"): number => mean(draws.map(({ cost }) => cost[key]));
  return { hardware: part("hardware"), energy: part("energy"), rent: part("rent"), total: part("total") };
}

/** Hours that a job of each draw trains with a slot to itself, by kind. */
export function jobHours(known: CandidateFleet, { draws }: Pick<JudgeInput, "draws">, kind: number): readonly number[] {
  return draws.flatMap((jobs, draw) => {
    const fleet = drawnFleet(known, draw);
    return jobs.filter((job) => job.kind === kind).map((job) => aloneSeconds(fleet, job) / 3600);
  });
}

function jobsOf(best: JudgedCandidate, input: JudgeInput): CapacityMoney["jobs"] {
  const { total } = meanParts(best);
  const hours = best.kinds.map((_, kind) => jobHours(best, input, kind));
  const all = sum(hours.map(sum));
  const numDraws = input.draws.length;
  return best.kinds.map((kind, place) => {
    const own = hours[place]!;
    const jobs = own.length / numDraws;
    return { kind, jobs, cost: jobs === 0 ? null : (total * sum(own)) / all / jobs };
  });
}

/** With what was paid until then. */
function summedMonths(months: readonly MonthPaid[]): CapacityMoney["ways"][number]["months"] {
  let all = 0;
  return months.map(({ month, cents }) => {
    all += cents;
    return { month, paid: cents / 100, all: all / 100 };
  });
}

/** What is paid for the best machines, month by month and in other ways. */
export function moneyOf(best: JudgedCandidate, world: CapacityWorld, input: JudgeInput): CapacityMoney {
  const { prices } = world;
  const { price } = best.tariff;
  const { hours } = input;
  const payments = (judged: JudgedCandidate): Payments =>
    paymentsOf(judged.candidate, price, prices, { cost: meanParts(judged), hours });
  const termMonths = prices.termMonths ?? (price.buy === undefined ? TERM_MONTHS : MONTHS_PER_YEAR * price.buy.years);
  const known = TENURES.flatMap((tenure) => {
    const fleet = candidateFleet({ ...best.candidate, tenure }, world);
    return "fleet" in fleet ? [judgeAll(fleet, input)] : [];
  });
  const bought = known.find(({ candidate }) => candidate.tenure === "buy");
  const perHour = price.buy === undefined ? 0 : hardwarePerHour(price.buy, prices);
  const { hardware } = meanParts(best);
  return {
    termMonths,
    // What is sold for its price costs nothing but interest.
    interestCost: perHour === 0 ? 0 : hardware * (1 - hardwarePerHour(price.buy!, { interest: 0 }) / perHour),
    ways: known.map((judged) => {
      const own = payments(judged);
      const months = monthsOf(own, termMonths);
      const { tenure } = judged.candidate;
      return {
        tenure,
        meets: judged.judgement.meets,
        upFront: own.purchaseCents / 100,
        monthly: own.monthCents / 100,
        total: sum(months.map(({ cents }) => cents)) / 100,
        presentValue: presentCents(months, prices) / 100,
        months: summedMonths(months),
        breakEvenMonth: tenure === "buy" || bought === undefined ? null : breakEvenMonth(payments(bought), own, prices),
      };
    }),
    jobs: jobsOf(best, input),
  };
}
