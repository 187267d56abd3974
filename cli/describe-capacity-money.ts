import type { CapacityAnswer } from "../plan/index.ts";
import {
  type Figures,
  failureTexts,
  headroomTexts,
  hoursText,
  kindText,
  lateShareText,
  moneyTexts,
  monthsText,
  priceText,
  wayText,
} from "../reports/index.ts";
import { table, wholeText, wrapped } from "./output.ts";

/** Money to the cent, "12 345.60 USD". */
function exactText(amount: number, currency: string): string {
  const [whole, cents] = Math.abs(amount).toFixed(2).split(".");
  return `${amount <= -0.005 ? "-" : ""}${wholeText(Number(whole))}.${cents} ${currency}`;
}

function figuresOf({ currency }: CapacityAnswer): Figures {
  return { money: (amount) => exactText(amount, currency), count: (value) => String(value) };
}

/** The same machines in every way that has a price. */
function waysTable({ money, currency }: CapacityAnswer): readonly string[] {
  if (money === null || money.ways.length < 2) return [];
  const exact = (amount: number): string => exactText(amount, currency).slice(0, -currency.length - 1);
  const rows = money.ways.map(({ tenure, meets, upFront, monthly, total, breakEvenMonth }) => [
    wayText(tenure),
    ...[upFront, monthly, total].map(exact),
    breakEvenMonth === null ? "-" : monthsText(breakEvenMonth),
    meets ? "yes" : "no",
  ]);
  const head = ["the same machines", `at once, ${currency}`, "a month", monthsText(money.termMonths)];
  return ["", table([...head, "buying pays after", "keeps the level"], rows)];
}

function sparesTable({ failures, currency, best }: CapacityAnswer): readonly string[] {
  if (failures === null || failures.spares.length === 0 || best === null) return [];
  const rows = failures.spares.map(({ spares, costPerYear, shortHoursPerYear, late }) => [
    String(spares),
    wholeText(costPerYear),
    hoursText(shortHoursPerYear),
    late.map(lateShareText).join(", "),
  ]);
  return ["", table(["spare machines", `${currency} a year`, "hours a year too few work", "late jobs"], rows)];
}

/** What is paid and when, what failures cost, and what all of it assumes. */
export function moneyLines(answer: CapacityAnswer): readonly string[] {
  const { best } = answer;
  if (best === null) return [];
  const figures = figuresOf(answer);
  return [
    "",
    ...moneyTexts(answer, figures).flatMap(wrapped),
    ...waysTable(answer),
    "",
    ...failureTexts(answer, figures).flatMap(wrapped),
    ...sparesTable(answer),
    "",
    ...headroomTexts(answer).flatMap(wrapped),
  ];
}

/** Prices and jobs that the answer is computed from. */
export function inputLines(answer: CapacityAnswer): readonly string[] {
  const { best, forecast, prices } = answer;
  const { money, count } = figuresOf(answer);
  const price = best === null ? undefined : prices.accelerators[best.candidate.accelerator];
  return [
    ...(price === undefined ? [] : [`price of ${best!.candidate.accelerator}: ${priceText(price, money)}`]),
    `power: ${money(prices.perKilowattHour)} a kWh; ${prices.powerFactor} W are drawn for each watt of an accelerator`,
    ...forecast.kinds.map((kind) => `jobs of ${kindText(kind, count)}`),
    `a job starts ${forecast.startSeconds} s after it is placed`,
  ].flatMap(wrapped);
}
