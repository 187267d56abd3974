import { type CapacityRequest, slotKind } from "../../capacity/index.ts";
import { createRng } from "../../core/index.ts";
import { CATALOG, type Candidate, type Forecast, forecastSchema, type Prices, pricesSchema } from "../../plan/index.ts";

export const PRICES: Prices = pricesSchema.parse({
  kind: "prices",
  version: 1,
  date: "2026-11-27",
  currency: "USD",
  perKilowattHour: 0.2,
  powerFactor: 1.5,
  accelerators: {
    "H100 SXM": {
      buy: { price: 30_000, years: 4, idlePower: 0.2, restUsed: 0.3 },
      reservedPerHour: 2,
      onDemandPerHour: 3,
      spot: { perHour: 1.5, interruptionsPerDay: 6, noticeSeconds: 0, restartSeconds: 200, checkpointSeconds: 20 },
    },
    MI300X: { buy: { price: 22_000, years: 4 }, reservedPerHour: 1.7, onDemandPerHour: 2.4 },
    L40S: { buy: { price: 9000, years: 4 }, onDemandPerHour: 1 },
  },
});

/** A few days with jobs of two kinds, of which one may be of a large model. */
export function smallForecast(seed: string): Forecast {
  const rng = createRng(seed);
  const kind = (name: string, model: string, perDay: number, samples: number) => ({
    ...{ name, model, perDay, samples, samplesSigma: rng.nextFloat() },
    batchSize: 4 + rng.nextInt(28),
    tokens: { mean: 200 + rng.nextInt(600), max: 2048 },
    priority: rng.nextInt(2),
    ...(rng.nextFloat() < 0.3 ? { level: { percent: 90, hours: 1 + 4 * rng.nextFloat() } } : {}),
  });
  const kinds = [
    kind("small", "llama-3-8b", 4 + rng.nextInt(25), 2000 + rng.nextInt(20_000)),
    ...(rng.nextFloat() < 0.5 ? [kind("large", "llama-2-70b", 1 + rng.nextInt(8), 500 + rng.nextInt(4000))] : []),
  ];
  const isUrgent = rng.nextFloat() < 0.3 && kinds.some(({ priority }) => priority === 1);
  return forecastSchema.parse({
    kind: "forecast",
    version: 1,
    days: 1 + rng.nextInt(2),
    level: { percent: 80 + rng.nextInt(18), hours: 0.1 + 2.5 * rng.nextFloat() ** 2 },
    growthPerMonth: 1 + rng.nextFloat(),
    priorities: isUrgent ? [{ priority: 1, level: { percent: 85, hours: 0.5 + 2 * rng.nextFloat() } }] : [],
    kinds,
  });
}

/** A handful of candidates, some of which have no room and some no price. */
export function someCandidates(seed: string): readonly Candidate[] {
  const rng = createRng(`${seed} candidates`);
  const pick = <T>(values: readonly T[]): T => values[rng.nextInt(values.length)]!;
  return Array.from({ length: 10 }, () => {
    const slot = pick([1, 2, 4]);
    return {
      accelerator: pick(["H100 SXM", "MI300X", "L40S"]),
      count: slot * (1 + rng.nextInt(5)),
      ...{ slot, precision: pick(["bfloat16", "float8"] as const), jobsAtOnce: pick([1, 1, 3]) },
      policy: pick(["fifo", "sjf", "mlora", "priority", "deadline"] as const),
      tenure: pick(["buy", "reserved", "on-demand", "spot"] as const),
    };
  });
}

/** Four draws of each candidate, and no more. */
export const DRAWN = { drawing: { draws: 4, seed: 0 }, mostDraws: 4 } as const;

export function smallRequest(seed: string): CapacityRequest {
  const forecast = smallForecast(seed);
  const world = { forecast, kinds: forecast.kinds.map(slotKind), catalog: CATALOG, prices: PRICES };
  return { ...world, candidates: someCandidates(seed), ...DRAWN, probability: 0.75, objective: "cost" };
}
