import { describe, expect, it } from "vitest";
import { acceleratorHours, costOf, hardwarePerHour, soldCount } from "../../capacity/money.ts";
import { breakEvenMonth, monthsOf, paymentsOf, presentCents } from "../../capacity/payments.ts";
import type { AcceleratorPrice } from "../../plan/index.ts";
import { PRICES } from "./small-world.ts";

const H100 = PRICES.accelerators["H100 SXM"]!;
const NODE: AcceleratorPrice = { ...H100, soldIn: 8, buy: { ...H100.buy!, price: 30_000, years: 4, restUsed: 0 } };
const none = { interest: 0 };

describe("units as they are sold", () => {
  it("are whole machines: 9 of a machine of 8 are 16", () => {
    expect([1, 8, 9, 16, 17].map((count) => soldCount(count, { soldIn: 8 }))).toEqual([8, 8, 16, 16, 24]);
    expect(soldCount(9, { soldIn: 1 })).toBe(9);
  });

  it("are paid for whole, in all hours or while a slot trains", () => {
    // 9 slots of one, 90 slot hours in 100 hours.
    const hours = acceleratorHours({ count: 9, slot: 1 }, { soldIn: 8 }, { slotHours: 90, hours: 100 });
    expect(hours).toEqual({ all: 1600, busy: 90, rented: 720 });
    // More slots that train at once share machines: never more than all of them.
    const many = acceleratorHours({ count: 9, slot: 1 }, { soldIn: 8 }, { slotHours: 900, hours: 100 });
    expect(many.rented).toBe(1600);
    const tariff = (tenure: "reserved" | "on-demand") => ({ tenure, price: NODE, prices: PRICES, watts: 700 });
    expect(costOf(tariff("reserved"), hours).total).toBe(2 * 1600);
    expect(costOf(tariff("on-demand"), hours).total).toBe(3 * 720);
    // One by one nothing changes.
    const single = acceleratorHours({ count: 8, slot: 2 }, { soldIn: 1 }, { slotHours: 90, hours: 100 });
    expect(single).toEqual({ all: 800, busy: 180, rented: 180 });
  });
});

describe("what an hour of bought hardware costs", () => {
  it("is its price over its hours without interest, and an annuity with it", () => {
    expect(hardwarePerHour({ ...NODE.buy!, price: 35_064, years: 4 }, none)).toBe(1);
    // A loan of 12 000 over 12 months at 12 % a year is paid back with 1066.1855 a month, by any loan table.
    const monthly = 730.5 * hardwarePerHour({ ...NODE.buy!, price: 12_000, years: 1 }, { interest: 0.12 });
    expect(monthly).toBeCloseTo(1066.1855, 4);
    // All payments, worth today, are the price.
    const worth = Array.from({ length: 12 }, (_, month) => monthly * 1.01 ** -(month + 1)).reduce((a, b) => a + b);
    expect(worth).toBeCloseTo(12_000, 8);
  });

  it("is less by what it is sold for at the end, which is worth less today", () => {
    expect(hardwarePerHour({ ...NODE.buy!, price: 45_064, resale: 10_000, years: 4 }, none)).toBe(1);
    const buy = { ...NODE.buy!, price: 12_000, resale: 2000, years: 1 };
    const monthly = 730.5 * hardwarePerHour(buy, { interest: 0.12 });
    // All payments and the resale, worth today, are the price.
    const worth = Array.from({ length: 12 }, (_, month) => monthly * 1.01 ** -(month + 1)).reduce((a, b) => a + b);
    expect(worth + 2000 * 1.01 ** -12).toBeCloseTo(12_000, 8);
    expect(hardwarePerHour({ ...buy, resale: 12_000 }, none)).toBe(0);
  });

  it("is dearer with more interest, up to 100 % a year", () => {
    const rates = [0, 0.01, 0.1, 0.5, 1].map((interest) => hardwarePerHour(NODE.buy!, { interest }));
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    // At 100 % a year of 48 months: 30000 / 12 / (1 - (13/12)^-48) a month.
    expect(rates[4]! * 730.5).toBeCloseTo(2500 / (1 - (12 / 13) ** 48), 6);
  });
});

describe("payments by month", () => {
  it("are the price at once and power each month of what is bought", () => {
    // 730.5 hours of 9 accelerators, of which 16 are paid for, with 7.305 of power.
    const hardware = 16 * hardwarePerHour(NODE.buy!, none) * 730.5;
    const bought = paymentsOf({ count: 9, tenure: "buy" }, NODE, none, {
      cost: { hardware, energy: 7.305, rent: 0 },
      hours: 730.5,
    });
    expect(bought).toEqual({ purchaseCents: 48_000_000, everyMonths: 48, resaleCents: 0, monthCents: 731 });
    expect(monthsOf(bought, 3)).toEqual([
      { month: 0, cents: 48_000_000 },
      ...[1, 2, 3].map((month) => ({ month, cents: 731 })),
    ]);
  });

  it("are less what others bear who use idle machines", () => {
    const full = hardwarePerHour(NODE.buy!, none) * 8 * 1461;
    const { monthCents } = paymentsOf({ count: 8, tenure: "buy" }, NODE, none, {
      cost: { hardware: full - 1000, energy: 300, rent: 0 },
      hours: 1461,
    });
    // Two months: (300 - 1000) / 2.
    expect(monthCents).toBe(-35_000);
  });

  it("are rent alone of what is rented, a part of it in a part of a month", () => {
    const rent = paymentsOf({ count: 8, tenure: "reserved" }, NODE, none, {
      cost: { hardware: 0, energy: 0, rent: 1000 },
      hours: 365.25,
    });
    expect(rent).toEqual({ purchaseCents: 0, everyMonths: 0, resaleCents: 0, monthCents: 200_000 });
    expect(monthsOf(rent, 0.25)).toEqual([
      { month: 0, cents: 0 },
      { month: 1, cents: 50_000 },
    ]);
    expect(monthsOf(rent, 2.5).map(({ cents }) => cents)).toEqual([0, 200_000, 200_000, 100_000]);
  });

  it("buy machines anew once they have lasted their time, if the term goes on", () => {
    const buy = { purchaseCents: 100, everyMonths: 2, resaleCents: 0, monthCents: 1 };
    expect(monthsOf(buy, 2).map(({ cents }) => cents)).toEqual([100, 1, 1]);
    expect(monthsOf(buy, 5).map(({ cents }) => cents)).toEqual([100, 1, 1, 101, 1, 101]);
    // Half a month each: bought twice in a month, of which the first purchase of all is paid at once.
    expect(monthsOf({ ...buy, everyMonths: 0.5 }, 1).map(({ cents }) => cents)).toEqual([100, 101]);
  });

  it("have what machines are sold for at the end of their time, if the term has that", () => {
    const buy = { purchaseCents: 100, everyMonths: 2, resaleCents: 40, monthCents: 1 };
    expect(monthsOf(buy, 1.5).map(({ cents }) => cents)).toEqual([100, 1, 1]);
    expect(monthsOf(buy, 2).map(({ cents }) => cents)).toEqual([100, 1, -39]);
    expect(monthsOf(buy, 5).map(({ cents }) => cents)).toEqual([100, 1, -39, 101, -39, 101]);
    expect(monthsOf({ ...buy, everyMonths: 0.5 }, 1).map(({ cents }) => cents)).toEqual([100, 101 - 80]);
    // Rent of 31 a month is never more than 100 - 40 over two months, but in the end.
    expect(breakEvenMonth(buy, { purchaseCents: 0, everyMonths: 0, resaleCents: 0, monthCents: 31 }, none)).toBe(2);
    expect(breakEvenMonth(buy, { purchaseCents: 0, everyMonths: 0, resaleCents: 0, monthCents: 30 }, none)).toBeNull();
  });

  it("are worth less the later they come", () => {
    const months = monthsOf({ purchaseCents: 1000, everyMonths: 48, resaleCents: 0, monthCents: 101 }, 2);
    expect(presentCents(months, none)).toBe(1202);
    // 1000 + 101 / 1.01 + 101 / 1.0201
    expect(presentCents(months, { interest: 0.12 })).toBe(1199);
  });
});

describe("when buying has cost no more than renting", () => {
  const buy = { purchaseCents: 1_000_00, everyMonths: 48, resaleCents: 0, monthCents: 10_00 };
  const rent = (month: number) => ({ purchaseCents: 0, everyMonths: 0, resaleCents: 0, monthCents: 100 * month });

  it("is the price over what is saved each month, rounded up", () => {
    // 1000 / (60 - 10) = 20 months; 1000 / (61 - 10) = 19.6.
    expect(breakEvenMonth(buy, rent(60), none)).toBe(20);
    expect(breakEvenMonth(buy, rent(61), none)).toBe(20);
    expect(breakEvenMonth(buy, rent(59), none)).toBe(21);
    expect(breakEvenMonth(buy, rent(2000), none)).toBe(1);
  });

  it("comes later with interest", () => {
    // At 1 % a month: -ln(1 - 1000 x 0.01 / 50) / ln 1.01 = 22.4 months.
    expect(breakEvenMonth(buy, rent(60), { interest: 0.12 })).toBe(23);
  });

  it("is never where rent is cheaper as long as machines last", () => {
    expect(breakEvenMonth(buy, rent(30), none)).toBeNull();
    expect(breakEvenMonth(buy, rent(5), none)).toBeNull();
    // 1000 / 48 + 10 = 30.83 a month in the last of 48 months.
    expect(breakEvenMonth(buy, rent(31), none)).toBe(48);
  });
});
