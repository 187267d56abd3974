import { type GrowSize, growAlone } from "../grow-alone.ts";
import { executedBubble, simulatedBubble } from "../grown-bubble.ts";
import { summarize } from "../measurement.ts";
import type { Bench, Scale, Suite } from "../suite.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL, type ModelShape, type PlanShape } from "../workload.ts";

const SEGMENTS: Readonly<Record<Scale, number>> = { full: 10_000, default: 10_000, quick: 2000, tiny: 40 };

interface BubbleSize {
  readonly runs: number;
  /** Steps of a job that stays, and of one that comes and goes. */
  readonly steps: number;
  readonly shortSteps: number;
  readonly length: number;
}

const BUBBLES: Readonly<Record<Scale, BubbleSize>> = {
  full: { runs: 9, steps: 60, shortSteps: 4, length: 128 },
  default: { runs: 5, steps: 40, shortSteps: 4, length: 128 },
  quick: { runs: 3, steps: 20, shortSteps: 4, length: 64 },
  tiny: { runs: 1, steps: 6, shortSteps: 3, length: 16 },
};

/** Two stages that take about equally long, as in the suite `pipeline`. */
const BALANCED: ModelShape = { hidden: 256, layers: 8, heads: 4, kvHeads: 4, intermediate: 704, vocabulary: 15872 };

const AT_ONCE = 4;
/** Micro-batches of a mini-batch. */
const PARTS = 2;

/** Many segments of short jobs: memory after a fifth of them and at the end. */
async function measureSegments(bench: Bench, what: GrowSize["what"]): Promise<void> {
  const size = { what, segments: SEGMENTS[bench.scale], stages: what === "simulated" ? 4 : 2 };
  const result = await growAlone(size);
  const parameters = { segments: size.segments, stages: size.stages, jobs: result.jobs, actions: result.actions };
  const record = (name: string, value: number, unit: string): void =>
    bench.record({ name: `${what}: ${name}`, parameters, value, unit, repetitions: 1, spread: null });
  record("memory at the end against after a fifth", result.endBytes / result.warmBytes, "x");
  record("memory at the end", result.endBytes, "B");
  record(what === "simulated" ? "events" : "actions", result.eventsPerSecond, "1/s");
}

/** Jobs that come and go every few mini-batches against jobs that stay: the bubble of two devices, in turns. */
async function measureBubble(bench: Bench): Promise<void> {
  const { runs, steps, shortSteps, length } = BUBBLES[bench.scale];
  const shapeOf = (own: number): PlanShape => ({
    model: bench.scale === "tiny" ? MODEL.tiny : BALANCED,
    dtype: "float32",
    jobs: Array.from({ length: AT_ONCE }, () => ({
      rank: 8,
      targets: ATTENTION_TARGETS,
      batchSize: PARTS,
      microBatchSize: 1,
      length,
      steps: own,
    })),
    devices: [1, 1],
  });
  const stays = benchPlan(shapeOf(steps));
  const template = benchPlan(shapeOf(shortSteps));
  // Constant costs: a forward takes a second of the plan's clock, a backward two. Two mini-batches of every job.
  const horizonNs = 2 * AT_ONCE * PARTS * 3e9;
  const growth = { atOnce: AT_ONCE, numJobs: Math.ceil((AT_ONCE * steps) / shortSteps), horizonNs };
  const bubbles: { readonly stay: number; readonly go: number }[] = [];
  for (let run = 0; run < runs; run += 1) {
    const both = [() => executedBubble(stays), () => executedBubble(template, growth)];
    const first = run % 2;
    const one = await both[first]!();
    const other = await both[1 - first]!();
    bubbles.push(first === 0 ? { stay: one, go: other } : { stay: other, go: one });
  }
  const parameters = { jobs: growth.numJobs, stepsOfJob: shortSteps, parts: PARTS, length };
  const points = (name: string, values: readonly number[]): void =>
    bench.record({ name, parameters, unit: "%", ...summarize(values.map((value) => 100 * value)) });
  points(
    "bubble with jobs that stay",
    bubbles.map(({ stay }) => stay),
  );
  points(
    "bubble with jobs that come and go",
    bubbles.map(({ go }) => go),
  );
  points(
    "come and go, more than stay",
    bubbles.map(({ stay, go }) => go - stay),
  );
  points("simulated: jobs that stay", [simulatedBubble(stays)]);
  points("simulated: jobs that come and go", [simulatedBubble(template, growth)]);
}

export const growing: Suite = {
  describe: "a plan that grows: memory over many segments, and the bubble of jobs that come and go",
  cases: () => [
    { name: "jobs that come and go", seconds: 90, run: measureBubble },
    { name: "simulated segments", seconds: 30, run: (bench) => measureSegments(bench, "simulated") },
    { name: "executed segments", seconds: 60, run: (bench) => measureSegments(bench, "executed") },
  ],
};
