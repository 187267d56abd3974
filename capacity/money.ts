import { InputError } from "../core/index.ts";
import type { AcceleratorPrice, Prices, Tenure } from "../plan/index.ts";

/** Accelerator hours of a candidate over a forecast. */
export interface AcceleratorHours {
  /** While there are jobs to come, trained or not. */
  readonly all: number;
  /** In which they trained. */
  readonly busy: number;
}

/** What a candidate costs over a forecast, in the currency of the prices. */
export interface Cost {
  readonly hardware: number;
  readonly energy: number;
  readonly rent: number;
  readonly total: number;
}

const HOURS_PER_YEAR = 8766;

/** How some accelerators are had, and what that costs by the hour. */
export interface Tariff {
  readonly tenure: Tenure;
  readonly price: AcceleratorPrice;
  readonly prices: Pick<Prices, "perKilowattHour" | "powerFactor">;
  /** Board power. */
  readonly watts: number;
}

/** Whether the prices say what a tenure costs. */
export function hasPrice({ buy, reservedPerHour, onDemandPerHour, spot }: AcceleratorPrice, tenure: Tenure): boolean {
  return { buy, reserved: reservedPerHour, "on-demand": onDemandPerHour, spot }[tenure] !== undefined;
}

function bought({ price, prices, watts }: Tariff, { all, busy }: AcceleratorHours): Cost {
  const { buy } = price;
  if (buy === undefined) throw new InputError({ expected: "a price to buy at", got: undefined });
  const { idlePower, restUsed, years } = buy;
  const idle = Math.max(0, all - busy);
  const own = all === 0 ? 0 : 1 - (restUsed * idle) / all;
  const hardware = (buy.price / (years * HOURS_PER_YEAR)) * all * own;
  // Whoever uses the rest pays for its power.
  const powered = busy + idlePower * idle * (1 - restUsed);
  const energy = (prices.perKilowattHour * prices.powerFactor * watts * powered) / 1000;
  return { hardware, energy, rent: 0, total: hardware + energy };
}

function rented(perHour: number | undefined, hours: number): Cost {
  if (perHour === undefined) throw new InputError({ expected: "a price by the hour", got: undefined });
  const rent = perHour * hours;
  return { hardware: 0, energy: 0, rent, total: rent };
}

/** Never less where more hours are busy. @throws InputError where the prices do not say */
export function costOf(tariff: Tariff, hours: AcceleratorHours): Cost {
  const { tenure, price } = tariff;
  switch (tenure) {
    case "buy":
      return bought(tariff, hours);
    case "reserved":
      return rented(price.reservedPerHour, hours.all);
    case "on-demand":
      return rented(price.onDemandPerHour, hours.busy);
    case "spot":
      return rented(price.spot?.perHour, hours.busy);
  }
}
