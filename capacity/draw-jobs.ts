import { createRng, maximum, sum } from "../core/index.ts";
import type { Forecast } from "../plan/index.ts";
import { stepsOf } from "./slot-kind.ts";

/** A job as it may come. */
export interface DrawnJob {
  /** Its kind's place in the forecast. */
  readonly kind: number;
  readonly name: string;
  readonly arrivalSeconds: number;
  readonly steps: number;
}

const DAY = 86_400;
const EVEN_DAY = Array.from({ length: 24 }, () => 1);
const EVEN_WEEK = Array.from({ length: 7 }, () => 1);

/** Weights that are 1 on average. */
function relative(weights: readonly number[]): readonly number[] {
  const mean = sum(weights) / weights.length;
  return weights.map((weight) => (mean === 0 ? 1 : weight / mean));
}

/** How many times as many jobs come as on average in the first week, at some second. */
export function paceAt({ hourly, weekly, growthPerMonth }: Forecast, seconds: number): number {
  const hours = relative(hourly ?? EVEN_DAY);
  const days = relative(weekly ?? EVEN_WEEK);
  const day = Math.floor(seconds / DAY);
  return hours[Math.floor((seconds % DAY) / 3600)]! * days[day % 7]! * growthPerMonth ** (seconds / DAY / 30);
}

/** How many jobs are expected to come over all days, and at which pace each hour of them. */
export function expectedJobs(forecast: Forecast): { readonly jobs: number; readonly hours: readonly number[] } {
  const hours = Array.from({ length: 24 * forecast.days }, (_, hour) => paceAt(forecast, 3600 * (hour + 0.5)));
  return { jobs: (sum(forecast.kinds.map(({ perDay }) => perDay)) * sum(hours)) / 24, hours };
}

/**
 * Jobs of a forecast: those of each kind come independently of each other (a Poisson process whose rate follows day, week
 * and growth), and differ in their rows. The same draw of a seed has the same jobs, whatever else there is.
 */
export function drawForecast(forecast: Forecast, draw: number, seed = 0): readonly DrawnJob[] {
  const spanSeconds = forecast.days * DAY;
  const { hours } = expectedJobs(forecast);
  const most = maximum(hours);
  const jobs = forecast.kinds.flatMap((kind, index) => {
    const rng = createRng(`${kind.name} of draw ${draw}, seed ${seed}`);
    const drawn: Omit<DrawnJob, "name">[] = [];
    if (most === 0) return [];
    for (let at = 0; ; ) {
      // Thinned: of those that come at the highest pace, the share that the hour's has.
      at += (-Math.log(1 - rng.nextFloat()) * DAY) / (kind.perDay * most);
      if (at >= spanSeconds) break;
      const isOne = rng.nextFloat() * most < hours[Math.floor(at / 3600)]!;
      const sigma = kind.samplesSigma;
      const samples = Math.max(1, Math.round(kind.samples * Math.exp(sigma * rng.nextNormal() - sigma ** 2 / 2)));
      if (isOne) drawn.push({ kind: index, arrivalSeconds: at, steps: stepsOf(kind, samples) });
    }
    return drawn.map((job, at) => ({ ...job, name: `${kind.name}-${at + 1}` }));
  });
  return jobs.sort((a, b) => a.arrivalSeconds - b.arrivalSeconds);
}
