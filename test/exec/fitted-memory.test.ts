import { describe, expect, it } from "vitest";
import { createRng, mean, type Rng } from "../../core/index.ts";
import { syntheticWeights } from "../../exec/index.ts";
import type { Architecture } from "../../plan/documents/architecture.ts";
import {
  type FittedMemory,
  INITIAL_MEMORY,
  learnMemory,
  type MemoryTerms,
  type Plan,
  predictMemory,
  stageTerms,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import { packsAsPlanned, runSmall, SMALL, type SmallJob, smallCase } from "./small-run.ts";

const ARCHITECTURE: Architecture = {
  ...SMALL,
  hiddenSize: 64,
  intermediateSize: 172,
  headDim: 16,
  vocabularySize: 256,
};
const MODEL = syntheticWeights(ARCHITECTURE);
const POINTS = 15;
const HELD_OUT = 10;

/** One to three jobs of any rank, length and batch size. */
function randomJobs(rng: Rng): readonly SmallJob[] {
  return Array.from({ length: 1 + rng.nextInt(3) }, (): SmallJob => {
    const microBatchSize = 1 + rng.nextInt(3);
    return {
      rank: 1 + rng.nextInt(24),
      targets: rng.nextInt(2) === 0 ? ["q_proj", "v_proj"] : [...UNFUSED_PROJECTIONS],
      microBatchSize,
      batchSize: microBatchSize * (1 + rng.nextInt(3)),
      length: 12 + rng.nextInt(110),
      spread: 1 + rng.nextInt(20),
      steps: 2,
    };
  });
}

interface MeasuredRun {
  readonly plan: Plan;
  /** By stage: the device's own count of what it allocated. */
  readonly peaks: readonly number[];
}

async function measuredRuns(devices: string): Promise<readonly MeasuredRun[]> {
  const rng = createRng(`memory on ${devices}`);
  const runs: MeasuredRun[] = [];
  for (let run = 0; run < POINTS + HELD_OUT; run += 1) {
    const given = smallCase(randomJobs(rng), ARCHITECTURE, MODEL);
    const { plan, statistics } = await runSmall(given, { devices, groups: "unfused" });
    runs.push({ plan, peaks: statistics.map(({ memory }) => memory.peakBytes) });
  }
  return runs;
}

/** What a fit may start from: bytes of a stage. The first one is the plan's own, and exact on AVX-512. */
const STARTS: Readonly<Record<string, (plan: Plan, stage: number) => number>> = {
  "the plan": (plan, stage) => plan.memory[stage]!.total,
  "a model that knows no activations": (plan, stage) => {
    const { weights, adapters, optimizer } = plan.memory[stage]!;
    return weights + adapters + optimizer;
  },
  "a model that knows the weights alone": (plan, stage) => plan.memory[stage]!.weights,
  "half of the plan": (plan, stage) => Math.round(plan.memory[stage]!.total / 2),
  "twice the plan": (plan, stage) => 2 * plan.memory[stage]!.total,
};

interface Point {
  readonly terms: MemoryTerms;
  readonly bytes: number;
}

/** The mean of relative errors without their signs. */
function errorOf(fitted: FittedMemory, points: readonly Point[]): number {
  return mean(points.map(({ terms, bytes }) => Math.abs(predictMemory(fitted, terms).bytes / bytes - 1)));
}

describe.each(["cpu:0", "cpu:0,cpu:1"])("memory that is fitted to real runs on %s", (devices) => {
  const all = measuredRuns(devices);

  it.each(Object.keys(STARTS))(
    "is within 0.5 % of what other runs take, from 15 points: %s",
    { tags: ["slow"] },
    async (start) => {
      const runs = await all;
      const isWithin: boolean[] = [];
      runs[0]!.peaks.forEach((_, stage) => {
        const points = runs.map(({ plan, peaks }): Point => {
          return { terms: stageTerms(plan, stage, STARTS[start]!(plan, stage)), bytes: peaks[stage]! };
        });
        const heldOut = points.slice(POINTS);
        const first = errorOf(INITIAL_MEMORY, heldOut);
        let fitted = INITIAL_MEMORY;
        for (const { terms, bytes } of points.slice(0, POINTS)) {
          fitted = learnMemory(fitted, terms, bytes);
          // What is exact stays so.
          if (start === "the plan" && packsAsPlanned()) expect(errorOf(fitted, heldOut)).toBeLessThan(1e-6);
        }
        if (start !== "the plan") expect(first).toBeGreaterThan(0.3);
        expect(errorOf(fitted, heldOut)).toBeLessThan(0.005);
        for (const { terms, bytes } of heldOut) {
          const predicted = predictMemory(fitted, terms);
          isWithin.push(bytes <= predicted.bytes + predicted.margin);
          expect(predicted.margin / predicted.bytes).toBeLessThan(0.02);
        }
      });
      expect(mean(isWithin.map(Number))).toBeGreaterThanOrEqual(0.9);
    },
  );
});
