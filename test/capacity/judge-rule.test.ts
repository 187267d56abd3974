import { describe, expect, it } from "vitest";
import { judgeBy, surety } from "../../capacity/judge-rule.ts";
import { createRng } from "../../core/index.ts";

const RULE = { probability: 0.9, round: 20, most: 100 };

/** Many candidates that keep the level with a chance. */
function judged(chance: number, rule = RULE) {
  const rng = createRng(`candidates ${chance}`);
  return Array.from({ length: 600 }, () => judgeBy(rule, () => rng.nextFloat() < chance));
}

const share = <T>(all: readonly T[], is: (each: T) => boolean): number => all.filter(is).length / all.length;
const drawsOf = (all: ReturnType<typeof judged>): number => all.reduce((sum, { draws }) => sum + draws, 0) / all.length;

describe("how many draws a candidate has", () => {
  it("is few where it is plain, and many near the edge", () => {
    const [hopeless, poor, edge, good] = [0.1, 0.6, 0.9, 0.995].map((chance) => judged(chance));
    expect(drawsOf(hopeless!)).toBeLessThan(6);
    expect(drawsOf(poor!)).toBeLessThan(20);
    expect(drawsOf(edge!)).toBeGreaterThan(70);
    expect(drawsOf(good!)).toBeLessThan(50);
    expect(share(hopeless!, ({ meets }) => meets)).toBe(0);
    expect(share(poor!, ({ meets }) => meets)).toBe(0);
    expect(share(good!, ({ meets }) => meets)).toBeGreaterThan(0.995);
  });

  it("makes fewer wrong answers near the edge than twenty draws do", () => {
    const few = { ...RULE, most: 20 };
    for (const [chance, isKept] of [
      [0.82, false],
      [0.96, true],
    ] as const) {
      const wrong = (rule: typeof RULE): number => share(judged(chance, rule), ({ meets }) => meets !== isKept);
      expect(wrong(RULE)).toBeLessThan(wrong(few) / 1.5);
    }
  });

  it("is whole rounds of one that keeps the level, and never more than the most", () => {
    for (const chance of [0.85, 0.9, 0.95, 1])
      for (const { meets, draws, kept } of judged(chance)) {
        expect(draws).toBeLessThanOrEqual(100);
        if (meets) expect([draws % 20, kept / draws >= 0.9]).toEqual([0, true]);
      }
  });

  it("is one round where no more are allowed, whose share decides", () => {
    for (const { meets, draws, kept } of judged(0.88, { ...RULE, most: 20 }))
      expect(meets).toBe(draws === 20 && kept >= 18);
  });
});

it("the bounds that are told hold of 95 in 100 candidates, also where they decided when to stop", () => {
  // Of 600 candidates 95 % are 570, give or take 5.
  for (const chance of [0.7, 0.8, 0.85, 0.88, 0.9, 0.92, 0.95]) {
    const told = judged(chance).map((judgement) => surety(judgement, RULE));
    expect(share(told, ({ keptAtLeast }) => keptAtLeast <= chance)).toBeGreaterThan(0.93);
    expect(share(told, ({ keptAtMost }) => keptAtMost >= chance)).toBeGreaterThan(0.93);
  }
});

it("nine of ten draws are not enough to be sure of nine of ten", () => {
  const once = { ...RULE, round: 10, most: 10 };
  expect(surety({ kept: 9, draws: 10 }, once)).toMatchObject({ keptAtLeast: expect.closeTo(0.6058, 3), isSure: false });
  expect(surety({ kept: 20, draws: 20 }, RULE).isSure).toBe(false);
  expect(surety({ kept: 40, draws: 40 }, RULE).isSure).toBe(true);
  expect(surety({ kept: 2, draws: 5 }, RULE)).toMatchObject({ keptAtMost: expect.closeTo(0.84, 2), isSure: true });
});
