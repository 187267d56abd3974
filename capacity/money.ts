import { InputError } from "../core/index.ts";
import type { AcceleratorPrice, Prices, Tenure } from "../plan/index.ts";

/** Accelerator hours of a candidate over a forecast. */
export interface AcceleratorHours {
  /** Of whole machines, while there are jobs to come, trained or not. */
  readonly all: number;
  /** In which accelerators trained. */
  readonly busy: number;
  /** Of whole machines that are had only while slots train. */
  readonly rented: number;
}

/** Accelerators that come with some, since machines are sold whole. */
export function soldCount(count: number, { soldIn }: Pick<AcceleratorPrice, "soldIn">): number {
  return soldIn * Math.ceil(count / soldIn);
}

/** Hours of slots' accelerators. Each slot that trains has machines of its own, as long as there are so many. */
export function acceleratorHours(
  { count, slot }: { readonly count: number; readonly slot: number },
  price: Pick<AcceleratorPrice, "soldIn">,
  { slotHours, hours }: { readonly slotHours: number; readonly hours: number },
): AcceleratorHours {
  const [all, busy] = [soldCount(count, price) * hours, slot * slotHours];
  return { all, busy, rented: Math.min(Math.max(all, busy), soldCount(slot, price) * slotHours) };
}

/** What a candidate costs over a forecast, in the currency of the prices. */
export interface Cost {
  readonly hardware: number;
  readonly energy: number;
  readonly rent: number;
  readonly total: number;
  /** Whoever pays for them. */
  readonly kilowattHours: number;
}

export const HOURS_PER_YEAR = 8766;
export const MONTHS_PER_YEAR = 12;
export const HOURS_PER_MONTH = HOURS_PER_YEAR / MONTHS_PER_YEAR;

/** How some accelerators are had, and what that costs by the hour. */
export interface Tariff {
  readonly tenure: Tenure;
  readonly price: AcceleratorPrice;
  readonly prices: Pick<Prices, "perKilowattHour" | "powerFactor" | "interest">;
  /** Board power. */
  readonly watts: number;
}

/** Whether the prices say what a tenure costs. */
export function hasPrice({ buy, reservedPerHour, onDemandPerHour, spot }: AcceleratorPrice, tenure: Tenure): boolean {
  return { buy, reserved: reservedPerHour, "on-demand": onDemandPerHour, spot }[tenure] !== undefined;
}

/** Board power that an idle accelerator takes, of that of the catalog, where the prices do not say. */
const IDLE_POWER = 0.15;

/**
 * An hour of a bought accelerator: its price, less what its resale is worth when it is bought, in equal monthly payments
 * with interest (an annuity).
 */
export function hardwarePerHour(
  { price, years, resale }: NonNullable<AcceleratorPrice["buy"]>,
  { interest }: Pick<Prices, "interest">,
): number {
  if (interest === 0) return (price - resale) / (years * HOURS_PER_YEAR);
  const rate = interest / MONTHS_PER_YEAR;
  const growth = years * MONTHS_PER_YEAR * Math.log1p(rate);
  return ((price - resale * Math.exp(-growth)) * rate) / -Math.expm1(-growth) / HOURS_PER_MONTH;
}

/** Those of rented accelerators that are others' while they do not train are others'. */
function kilowattHours(
  { tenure, price, prices, watts }: Tariff,
  { all, busy }: Omit<AcceleratorHours, "rented">,
): number {
  const { idlePower = IDLE_POWER, restUsed = 0 } = price.buy ?? {};
  const isOurs = tenure === "buy" ? 1 - restUsed : tenure === "reserved" ? 1 : 0;
  const powered = busy + idlePower * Math.max(0, all - busy) * isOurs;
  return (prices.powerFactor * watts * powered) / 1000;
}

function bought(tariff: Tariff, { all, busy }: Omit<AcceleratorHours, "rented">): Cost {
  const { price, prices } = tariff;
  const { buy } = price;
  if (buy === undefined) throw new InputError({ expected: "a price to buy at", got: undefined });
  const own = all === 0 ? 0 : 1 - (buy.restUsed * Math.max(0, all - busy)) / all;
  const hardware = hardwarePerHour(buy, prices) * all * own;
  // Whoever uses the rest pays for its power.
  const used = kilowattHours(tariff, { all, busy });
  const energy = prices.perKilowattHour * used;
  return { hardware, energy, rent: 0, total: hardware + energy, kilowattHours: used };
}

function rented(tariff: Tariff, perHour: number | undefined, hours: AcceleratorHours, paid: number): Cost {
  if (perHour === undefined) throw new InputError({ expected: "a price by the hour", got: undefined });
  const rent = perHour * paid;
  return { hardware: 0, energy: 0, rent, total: rent, kilowattHours: kilowattHours(tariff, hours) };
}

/** Never less where more hours are busy. @throws InputError where the prices do not say */
export function costOf(tariff: Tariff, hours: AcceleratorHours): Cost {
  const { tenure, price } = tariff;
  switch (tenure) {
    case "buy":
      return bought(tariff, hours);
    case "reserved":
      return rented(tariff, price.reservedPerHour, hours, hours.all);
    case "on-demand":
      return rented(tariff, price.onDemandPerHour, hours, hours.rented);
    case "spot":
      return rented(tariff, price.spot?.perHour, hours, hours.rented);
  }
}
