import { expect, it } from "vitest";
import { drawForecast, expectedJobs, paceAt } from "../../capacity/draw-jobs.ts";
import { forecastSchema } from "../../plan/index.ts";

const DAY = 86_400;
const HOURLY = Array.from({ length: 24 }, (_, hour) => (hour >= 8 && hour < 18 ? 3 : 0));
const WEEKLY = [1, 1, 1, 1, 1, 0, 0];

const forecast = forecastSchema.parse({
  kind: "forecast",
  version: 1,
  days: 56,
  level: { hours: 4 },
  hourly: HOURLY,
  weekly: WEEKLY,
  growthPerMonth: 2,
  kinds: [
    {
      name: "often",
      model: "llama-3-8b",
      perDay: 40,
      samples: 1000,
      samplesSigma: 0.8,
      batchSize: 10,
      tokens: { mean: 100, max: 500 },
    },
    {
      name: "seldom",
      model: "llama-3-8b",
      perDay: 2,
      samples: 100,
      epochs: 3,
      batchSize: 8,
      tokens: { mean: 100, max: 500 },
    },
  ],
});

it("jobs come in working hours, on working days, and more of them later", () => {
  const jobs = drawForecast(forecast, 0);
  expect(jobs.map(({ arrivalSeconds }) => arrivalSeconds)).toEqual(
    jobs.map(({ arrivalSeconds }) => arrivalSeconds).sort((a, b) => a - b),
  );
  for (const { arrivalSeconds } of jobs) {
    expect(HOURLY[Math.floor((arrivalSeconds % DAY) / 3600)]).toBe(3);
    expect(WEEKLY[Math.floor(arrivalSeconds / DAY) % 7]).toBe(1);
  }
  const often = jobs.filter(({ kind }) => kind === 0);
  const halves = [0, 1].map((half) => often.filter((job) => Math.floor(job.arrivalSeconds / DAY / 28) === half).length);
  expect(halves[1]! / halves[0]!).toBeGreaterThan(1.7);
  expect(halves[1]! / halves[0]!).toBeLessThan(2.1);
  const expected = Array.from({ length: 56 * 24 }, (_, hour) => (40 * paceAt(forecast, 3600 * (hour + 0.5))) / 24);
  const all = expected.reduce((a, b) => a + b, 0);
  expect(Math.abs(often.length - all)).toBeLessThan(4 * Math.sqrt(all));
});

it("jobs of a kind differ in their rows about its own number, and steps follow", () => {
  const jobs = drawForecast(forecast, 1);
  const steps = jobs.filter(({ kind }) => kind === 0).map((job) => job.steps);
  const mean = steps.reduce((a, b) => a + b, 0) / steps.length;
  expect(mean).toBeGreaterThan(92);
  expect(mean).toBeLessThan(109);
  expect(new Set(jobs.filter(({ kind }) => kind === 1).map((job) => job.steps))).toEqual(new Set([38]));
});

it("a draw is the same each time, and whatever other kinds there are", () => {
  const [often] = forecast.kinds;
  const alone = drawForecast({ ...forecast, kinds: [often!] }, 3);
  expect(drawForecast(forecast, 3).filter(({ kind }) => kind === 0)).toEqual(alone);
  expect(drawForecast(forecast, 4)).not.toEqual(drawForecast(forecast, 3));
});

it("expects as many jobs as growth through each hour brings", () => {
  const kind = {
    name: "one",
    model: "llama-3-8b",
    perDay: 1,
    samples: 100,
    batchSize: 8,
    tokens: { mean: 100, max: 2048 },
  };
  const head = { kind: "forecast", version: 1, days: 30, level: { percent: 95, hours: 4 }, growthPerMonth: 2 };
  const { jobs } = expectedJobs(forecastSchema.parse({ ...head, kinds: [kind] }));
  // The integral of 2^(t / 30) over 30 days.
  expect(jobs / (30 / Math.LN2)).toBeCloseTo(1, 6);
});
