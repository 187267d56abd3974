import { sum } from "../core/index.ts";
import type { AcceleratorPrice, Prices, Tenure } from "../plan/index.ts";
import { HOURS_PER_MONTH, hardwarePerHour, MONTHS_PER_YEAR, soldCount } from "./money.ts";

/** How machines are paid for: in cents, so that sums of payments are exact. */
export interface Payments {
  /** For all machines, before the first month, and after each so many months again; 0 where nothing is bought. */
  readonly purchaseCents: number;
  readonly everyMonths: number;
  /** What machines are sold for that have lasted so many months. */
  readonly resaleCents: number;
  /** At the end of each month: rent, power, less what others bear who use idle machines. */
  readonly monthCents: number;
}

const cents = (amount: number): number => Math.round(100 * amount);

/** What a candidate's machines are paid for with, by what they cost over a forecast of so many hours. */
export function paymentsOf(
  { count, tenure }: { readonly count: number; readonly tenure: Tenure },
  price: AcceleratorPrice,
  prices: Pick<Prices, "interest">,
  of: {
    readonly cost: { readonly hardware: number; readonly energy: number; readonly rent: number };
    readonly hours: number;
  },
): Payments {
  const monthly = (amount: number): number => (amount * HOURS_PER_MONTH) / of.hours;
  const { hardware, energy, rent } = of.cost;
  if (tenure !== "buy") return { purchaseCents: 0, everyMonths: 0, resaleCents: 0, monthCents: cents(monthly(rent)) };
  const { buy } = price;
  const sold = soldCount(count, price);
  const borne = sold * hardwarePerHour(buy!, prices) * of.hours - hardware;
  return {
    purchaseCents: sold * cents(buy!.price),
    everyMonths: MONTHS_PER_YEAR * buy!.years,
    resaleCents: sold * cents(buy!.resale),
    monthCents: cents(monthly(energy - borne)),
  };
}

/** Paid in a month, in cents. The first purchase is before the first month, as month 0. */
export interface MonthPaid {
  readonly month: number;
  readonly cents: number;
}

/** Purchases of a month behind the first one: machines that have lasted their time are bought anew. */
function boughtAnew(everyMonths: number, month: number, termMonths: number): number {
  if (everyMonths === 0) return 0;
  return Math.ceil(Math.min(month, termMonths) / everyMonths) - Math.max(1, Math.ceil((month - 1) / everyMonths));
}

/** How often machines are sold in a month, since they have lasted their time. */
function soldAgain(everyMonths: number, month: number, termMonths: number): number {
  if (everyMonths === 0) return 0;
  return Math.floor(Math.min(month, termMonths) / everyMonths) - Math.floor((month - 1) / everyMonths);
}

/** Payments month by month over a term; its last month may be a part of one. */
export function monthsOf(
  { purchaseCents, everyMonths, resaleCents, monthCents }: Payments,
  termMonths: number,
): readonly MonthPaid[] {
  const months = Array.from({ length: Math.ceil(termMonths) }, (_, index): MonthPaid => {
    const month = index + 1;
    const part = Math.min(1, termMonths - index);
    const again = purchaseCents * boughtAnew(everyMonths, month, termMonths);
    const back = resaleCents * soldAgain(everyMonths, month, termMonths);
    return { month, cents: Math.round(part * monthCents) + again - back };
  });
  return [{ month: 0, cents: purchaseCents }, ...months];
}

/** What payments are worth before the first one, with interest that is added each month. In cents. */
export function presentCents(months: readonly MonthPaid[], { interest }: Pick<Prices, "interest">): number {
  return Math.round(sum(months.map(({ month, cents: paid }) => paid * (1 + interest / MONTHS_PER_YEAR) ** -month)));
}

/**
 * The first month at whose end payments for bought machines are worth no more than those of rented ones; null where they
 * never are as long as the bought ones last.
 */
export function breakEvenMonth(buy: Payments, rent: Payments, prices: Pick<Prices, "interest">): number | null {
  const [bought, rented] = [monthsOf(buy, buy.everyMonths), monthsOf(rent, buy.everyMonths)];
  const rate = 1 + prices.interest / MONTHS_PER_YEAR;
  let owed = buy.purchaseCents;
  for (let month = 1; month < bought.length; month += 1) {
    owed += (bought[month]!.cents - rented[month]!.cents) * rate ** -month;
    if (owed <= 0) return month;
  }
  return null;
}
