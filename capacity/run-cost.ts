import { InputError, ownValue, sum } from "../core/index.ts";
import { type Catalog, type Prices, TENURES, type Tenure } from "../plan/index.ts";
import { type Cost, costOf, hasPrice, soldCount, type Tariff } from "./money.ts";
import { type SpotPlan, spotPlan } from "./spot.ts";

/** How the accelerators of one run are had, from its start to its end, and what that costs. */
export interface RunTariff {
  readonly tenure: Tenure;
  /** Those that train, and those that are paid for: as many more as machines have in which they are sold. */
  readonly accelerators: readonly {
    readonly name: string;
    readonly count: number;
    readonly paidCount: number;
    readonly tariff: Tariff;
  }[];
  /** How it goes on through interruptions; undefined where nothing is taken away. */
  readonly spot: SpotPlan | undefined;
}

/** Board power, for which whoever buys pays. @throws InputError where the catalog does not say */
export function wattsOf({ devices }: Catalog, name: string, tenure: Tenure): number {
  const watts = ownValue(devices, name)?.watts?.value;
  if (watts === undefined && tenure === "buy")
    throw new InputError({ expected: `the board power of ${name} in the catalog`, got: "none" });
  return watts ?? 0;
}

/** One accelerator of a name. @throws InputError at the place in the prices where something is missing */
function tariffOf(name: string, tenure: Tenure, prices: Prices, catalog: Catalog): Tariff {
  const price = ownValue(prices.accelerators, name);
  if (price === undefined)
    throw new InputError({
      expected: `what ${name} costs`,
      at: "accelerators",
      got: `prices of ${Object.keys(prices.accelerators).join(", ") || "nothing"}`,
    });
  if (!hasPrice(price, tenure))
    throw new InputError({
      expected: `what ${name} costs with tenure ${tenure}`,
      at: `accelerators.${name}`,
      got: `prices for ${TENURES.filter((each) => hasPrice(price, each)).join(", ") || "nothing"}`,
    });
  return { tenure, price, prices, watts: wattsOf(catalog, name, tenure) };
}

/** All accelerators of a run are there or none is. @throws InputError where they are taken away in different ways */
function spotOf(tariffs: readonly Tariff[]): SpotPlan {
  const ways = tariffs.map(({ price }) => {
    const { perHour: _perHour, ...way } = price.spot!;
    return way;
  });
  if (new Set(ways.map((way) => JSON.stringify(way))).size > 1)
    throw new InputError({
      expected: "the same interruptions for all accelerators of one run on spot",
      at: "accelerators",
      got: ways.map(({ interruptionsPerDay }) => `${interruptionsPerDay} a day`).join(", "),
    });
  return spotPlan(tariffs[0]!.price.spot!);
}

/**
 * The tariff of a run with so many accelerators of each name.
 * @throws InputError where prices or the catalog do not say all that it takes
 */
export function runTariff(
  counts: ReadonlyMap<string, number>,
  tenure: Tenure,
  prices: Prices,
  catalog: Catalog,
): RunTariff {
  const accelerators = [...counts].map(([name, count]) => {
    const tariff = tariffOf(name, tenure, prices, catalog);
    return { name, count, paidCount: soldCount(count, tariff.price), tariff };
  });
  return {
    tenure,
    accelerators,
    spot: tenure === "spot" ? spotOf(accelerators.map(({ tariff }) => tariff)) : undefined,
  };
}

/** What a run costs whose accelerators are had for so many seconds, and train all the time. */
export function runCost({ accelerators }: RunTariff, seconds: number): Cost {
  const parts = accelerators.map(({ count, paidCount, tariff }) => {
    const all = (paidCount * seconds) / 3600;
    return costOf(tariff, { all, busy: (count * seconds) / 3600, rented: all });
  });
  const all = (part: keyof Cost): number => sum(parts.map((cost) => cost[part]));
  const paid = { hardware: all("hardware"), energy: all("energy"), rent: all("rent") };
  return { ...paid, total: all("total"), kilowattHours: all("kilowattHours") };
}
