import { type Cost, type RunTariff, runCost, runTariff } from "../../capacity/index.ts";
import { groupBy, InputError, ownValue } from "../../core/index.ts";
import type { FileOrDocument, Place } from "../../files/index.ts";
import { type Catalog, memoryName, type Plan, type Prices, placeError, type Tenure } from "../../plan/index.ts";
import type { Interval } from "../../traces/index.ts";
import { loadCatalog } from "../load/load-cluster.ts";
import { loadPrices } from "../load/load-prices.ts";

/** What devices cost: by a file of prices and how they are had, or all of them together by the hour. */
export type PriceChoice =
  | { readonly prices: FileOrDocument; readonly tenure: Tenure }
  | { readonly prices?: undefined; readonly perHour: number };

/** What is predicted, and the interval about it; null where none was drawn. */
export interface EstimatedFigure {
  readonly predicted: number;
  readonly interval: Interval | null;
}

/** What a run's devices cost: in the currency of the prices, or in that of the price by the hour. */
export interface EstimatedPrice {
  readonly total: EstimatedFigure;
  /** Of the predicted total; null by the hour, where nobody says what is paid for. */
  readonly parts: Pick<Cost, "hardware" | "energy" | "rent"> | null;
  /** Of all devices together. */
  readonly perHour: number;
  readonly currency: string | null;
  readonly tenure: Tenure | null;
  /** The day of the prices. */
  readonly pricesOf: string | null;
  /** Those that train, and those that are paid for: as many more as machines have in which they are sold. */
  readonly accelerators: readonly { readonly name: string; readonly count: number; readonly paidCount: number }[];
  /** The run with what interruptions take on average; null but for spot. */
  readonly interrupted: {
    readonly seconds: EstimatedFigure;
    /** Between checkpoints that cost least; null where interruptions are none, or come with a notice. */
    readonly checkpointSeconds: number | null;
  } | null;
}

/** Nobody waits longer for a run that begins anew again and again. */
const LONGEST_SECONDS = 10 * 365 * 86_400;

/** A figure that grows with another one. */
function figureOf({ predicted, interval }: EstimatedFigure, of: (value: number) => number): EstimatedFigure {
  return { predicted: of(predicted), interval: interval === null ? null : [of(interval[0]), of(interval[1])] };
}

/** GPUs by the catalog's name, each once however many devices share it. @throws InputError for other devices */
function acceleratorsOf({ devices }: Pick<Plan, "devices">, catalog: Catalog): ReadonlyMap<string, number> {
  const other = devices.find(({ type }) => ownValue(catalog.devices, type)?.kind !== "cuda");
  if (other !== undefined)
    throw new InputError({
      expected: "GPUs of the catalog for --prices",
      got: `${other.name}, which is ${other.type}`,
      hint: "--cost-per-hour N takes what all devices cost together.",
    });
  return new Map(
    [...groupBy(devices, ({ type }) => type)].map(([type, own]) => [type, new Set(own.map(memoryName)).size]),
  );
}

/** @throws InputError where a run does not get through between interruptions */
function interruptedRun({ spot }: RunTariff, seconds: EstimatedFigure): EstimatedPrice["interrupted"] {
  if (spot === undefined) return null;
  const all = figureOf(seconds, spot.expectedSeconds);
  if (!((all.interval?.[1] ?? all.predicted) <= LONGEST_SECONDS))
    throw new InputError({
      expected: "interruptions that the run gets through in ten years",
      at: "--tenure",
      got: "spot",
      hint: "Without checkpoints (checkpointSeconds 0 in the prices) a run begins anew each time.",
    });
  return { seconds: all, checkpointSeconds: spot.intervalSeconds };
}

function priceByTariff(
  tariff: RunTariff,
  { currency, date }: Pick<Prices, "currency" | "date">,
  seconds: EstimatedFigure,
): EstimatedPrice {
  const interrupted = interruptedRun(tariff, seconds);
  const had = interrupted?.seconds ?? seconds;
  const { hardware, energy, rent } = runCost(tariff, had.predicted);
  return {
    total: figureOf(had, (value) => runCost(tariff, value).total),
    ...{ parts: { hardware, energy, rent }, currency, pricesOf: date, interrupted },
    perHour: runCost(tariff, 3600).total,
    tenure: tariff.tenure,
    accelerators: tariff.accelerators.map(({ name, count, paidCount }) => ({ name, count, paidCount })),
  };
}

function priceByHour(perHour: number, seconds: EstimatedFigure): EstimatedPrice {
  return {
    total: figureOf(seconds, (value) => (perHour * value) / 3600),
    ...{ perHour, parts: null, currency: null, tenure: null, pricesOf: null, accelerators: [], interrupted: null },
  };
}

/** The price of a plan's seconds. */
export type Pricing = (seconds: EstimatedFigure) => EstimatedPrice;

/**
 * Reads prices at once, and says of a plan what its seconds cost.
 * @throws InputError for a file that is none; then for a plan that something is missing for in it
 */
export function pricingOf(
  place: Place,
  choice: PriceChoice,
  catalogFile: FileOrDocument | undefined,
): (plan: Plan) => Pricing {
  if (choice.prices === undefined) return () => (seconds) => priceByHour(choice.perHour, seconds);
  const catalog = loadCatalog(place, catalogFile);
  const { prices, source } = loadPrices(place, choice.prices, catalog);
  return (plan) => {
    const accelerators = acceleratorsOf(plan, catalog);
    try {
      const tariff = runTariff(accelerators, choice.tenure, prices, catalog);
      return (seconds) => priceByTariff(tariff, prices, seconds);
    } catch (error) {
      throw placeError(error, source);
    }
  };
}
