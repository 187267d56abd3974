// @module-tag slow
import { describe, expect, it } from "vitest";
import type { MachineMoves } from "../../calibration/index.ts";
import type { Calibration, PlanBody } from "../../plan/index.ts";
import { ALL_DRAWS, drawFigures, estimatedDraws, intervalsOfFigures } from "../../sim/index.ts";
import type { Intervals } from "../../traces/index.ts";
import { firstDraws, layers, measured, planOf } from "./drawn-costs.ts";

const LENGTHS = { distribution: "lognormal", mean: 16, sigma: 0.6, min: 4, max: 64 } as const;

const PLANS: Readonly<Record<string, PlanBody>> = {
  "one device": planOf(1, 1, 1, { steps: 12 }),
  "drawn lengths": planOf(3, 3, 2, { lengths: LENGTHS, perTokens: 16 }),
  "a pipeline that is never full": planOf(8, 2, 2, { steps: 3 }),
  "one job after another": planOf(4, 4, 2, { schedule: "1f1b" }),
  "many short jobs": planOf(2, 12, 1, { steps: 4 }),
};

/** Hours beside other programs, in pieces as short against actions as those of a processor are. */
const BUSY: MachineMoves = {
  calibrated: [
    { own: 1, lost: 0.02, piecesPerSecond: 20 },
    { own: 1.05, lost: 0.4, piecesPerSecond: 30 },
  ],
  seen: [0.04, 0.25, 0.37, 0.6, 1.3, 2.4, 5].map((lost) => ({ own: 1 + lost / 50, lost, piecesPerSecond: 30 })),
};

const COSTS: Readonly<Record<string, { readonly calibration: Calibration; readonly moves?: MachineMoves }>> = {
  "guessed, shared": { calibration: layers(0.25) },
  measured: { calibration: measured({ systematic: 0.05, independent: 0.1 }) },
  "measured, links that matter": { calibration: measured({ systematic: 0.05, independent: 0.1 }, 0, 2e-6) },
  "measured on a machine that moves": {
    calibration: measured({ systematic: 0.03, independent: 0.1 }),
    moves: BUSY,
  },
};

type Figures = ReturnType<typeof drawFigures>;

/** By how much ends differ: of the whole run, of jobs, and in bubbles. */
function differences(plan: PlanBody, one: Figures, other: Figures): readonly [number, number, number] {
  const [a, b] = [one, other].map((figures) =>
    intervalsOfFigures(plan, figures, undefined, { level: 0.9, samples: 20, seed: 0 }),
  ) as [Intervals, Intervals];
  const ofRun = (each: Intervals) => [...each.makespanSeconds, ...each.tokensPerSecond];
  const ofJobs = (each: Intervals) => each.jobs.flatMap((job) => job.turnaroundSeconds);
  const ofBubbles = (each: Intervals) => [...(each.bubbleRatio ?? []), ...each.bubbleRatioTotal];
  const most = (ends: (each: Intervals) => readonly number[], of: (x: number, y: number) => number) =>
    Math.max(...ends(a).map((end, at) => Math.abs(of(end, ends(b)[at]!))));
  return [most(ofRun, (x, y) => x / y - 1), most(ofJobs, (x, y) => x / y - 1), most(ofBubbles, (x, y) => x - y)];
}

describe("intervals of 1000 draws, 20 of which are simulated", () => {
  for (const [planName, plan] of Object.entries(PLANS)) {
    for (const [costsName, costs] of Object.entries(COSTS)) {
      it(`end within 2 % of those of 1000 simulated ones: ${planName}, ${costsName}`, () => {
        const request = { plan, seed: 0, ...costs };
        const plain = drawFigures({ ...request, draws: firstDraws(ALL_DRAWS) });
        const { parts, figuresOf } = estimatedDraws(request, 20);
        const simulated = parts.flatMap(({ draws }) => draws.map((draw) => plain[draw]!));
        expect(simulated).toHaveLength(20);
        const [run, jobs, bubbles] = differences(plan, figuresOf(simulated).get("been")!, plain);
        // Where a machine moves as much, 1000 draws are not as exact themselves.
        const { moves } = costs;
        const others = firstDraws(2 * ALL_DRAWS).slice(ALL_DRAWS);
        const floor = moves === undefined ? 0 : differences(plan, drawFigures({ ...request, draws: others }), plain)[0];
        expect(run).toBeLessThan(Math.max(0.02, floor));
        expect(jobs).toBeLessThan(Math.max(0.04, 2 * floor));
        expect(bubbles).toBeLessThan(moves === undefined ? 0.025 : 0.05);
      });
    }
  }

  it("are those of plain draws where all of them are simulated", () => {
    const request = { plan: PLANS["drawn lengths"]!, seed: 3, ...COSTS["measured on a machine that moves"]! };
    const { parts, figuresOf } = estimatedDraws(request, ALL_DRAWS);
    const simulated = parts.flatMap((part) => drawFigures({ ...request, ...part }));
    expect(figuresOf(simulated).get("been")).toEqual(drawFigures({ ...request, draws: firstDraws(ALL_DRAWS) }));
  });
});
