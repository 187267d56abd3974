import { expect, test } from "vitest";
import { dependencyTable } from "../../plan/actions/dependencies.ts";
import { miniBatches } from "../../plan/actions/mini-batch.ts";
import { timelineOf } from "../../plan/actions/timeline.ts";
import { orderOf, PASSES, type PlanBody, passCode } from "../../plan/index.ts";
import { packMicroBatches } from "../../plan/planner/pack.ts";
import { SCHEDULE_TABLE } from "../../plan/schedules/schedules.ts";
import { planOrders } from "../../plan/validate/validate-plan.ts";
import { roomyPipeline, wholeGroup } from "./hand-work.ts";
import { unitPlan } from "./unit-plan.ts";

interface Pipeline {
  readonly numDevices: number;
  readonly numJobs: number;
  readonly parts: number;
  readonly steps: number;
  readonly forward: number;
  readonly backward: number;
}

const tables = new Map<number, PlanBody>();

/** Stages, and jobs of which none clips: all that dependencies ask of a plan's tables. */
function tablesOf(numDevices: number): PlanBody {
  const known = tables.get(numDevices) ?? unitPlan({ numDevices, numJobs: 8, parts: 1, steps: 1 });
  tables.set(numDevices, known);
  return known;
}

/** The schedule's orders alone; a test below holds them equal to those of whole plans. */
function lorappOrders({ numDevices, numJobs, parts, steps, forward, backward }: Pipeline) {
  const { stages, jobs: whole } = tablesOf(numDevices);
  const jobs = whole.slice(0, numJobs);
  const groups = jobs.map((_, job) => [job]);
  const rows = Array.from({ length: steps }, (_, step) =>
    Array.from({ length: parts }, (_, row) => step * parts + row),
  );
  const lengths = new Array<number>(steps * parts).fill(16);
  const source = { tokens: lengths, scored: lengths.map((length) => length - 1), digest: null, steps: rows };
  const packed = jobs.map(() => ({ rows: source, cut: { microBatchSize: 1 } }));
  const draft = {
    schedule: "lorapp" as const,
    stages,
    pipelines: [roomyPipeline(0, numDevices)],
    jobs,
    groups: groups.map((members) => wholeGroup(members, steps)),
    microBatches: [...packMicroBatches(packed, groups, false)],
  };
  const seconds = { F: forward, B: backward, U: 0 };
  const orders = SCHEDULE_TABLE.lorapp.build({
    numStages: numDevices,
    miniBatches: miniBatches(draft),
    maxInFlight: null,
    durationNs: (_, letter) => seconds[PASSES[passCode(letter)]!],
    transferNs: () => ({ arrival: 0, occupied: 0 }),
    clips: () => false,
  });
  return { draft, orders };
}

/**
 * Idle share of all compute streams between stage 0's first forward of the first job's step floor(S/2) and of its last
 * step.
 */
function steadyBubble(options: Pipeline): number {
  const { draft: plan, orders } = lorappOrders(options);
  const duration = { F: options.forward, B: options.backward, U: 0 };
  const timeline = timelineOf(orders, dependencyTable(plan), {
    durationNs: (_, letter) => duration[PASSES[passCode(letter)]!],
    transferNs: () => 0,
  });
  const entry = (step: number): number => {
    const first = plan.microBatches.find((microBatch) => microBatch.group === 0 && microBatch.step === step)!.index;
    return timeline.startNs[0]![orders[0]!.indexOf(orderOf([{ letter: "F", microBatch: first }])[0]!)]!;
  };
  const from = entry(Math.floor(options.steps / 2));
  const to = entry(options.steps - 1);
  let busy = 0;
  orders.forEach((order, stage) => {
    order.forEach((_, i) => {
      busy += Math.max(0, Math.min(to, timeline.endNs[stage]![i]!) - Math.max(from, timeline.startNs[stage]![i]!));
    });
  });
  return 1 - busy / ((to - from) * orders.length);
}

const RANGE = [1, 2, 3, 4, 5, 6, 7, 8];

test.each([
  [1, 2],
  [3, 3],
  [5, 3],
  [2, 7],
])(
  "lorapp without a limit has the bubble of the LoRAPP formula for all D, N, L up to 8 with Tf = %i and Tb = %i",
  { tags: ["slow"] },
  (forward, backward) => {
    const wrong: string[] = [];
    for (const d of RANGE) {
      for (const n of RANGE) {
        for (const l of RANGE) {
          const bubble = steadyBubble({ numDevices: d, numJobs: l, parts: n, steps: 5, forward, backward });
          const formula = Math.max((d - 1 + n - l * n) / (d + n - 1), 0);
          if (Math.abs(bubble - formula) > 1e-12) wrong.push(`D=${d} N=${n} L=${l}: ${bubble} instead of ${formula}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  },
);

test.each([
  [1, 1, 1],
  [2, 3, 4],
  [5, 2, 3],
  [8, 8, 8],
])("a whole plan for D = %i, N = %i, L = %i has the same orders", (numDevices, parts, numJobs) => {
  const pipeline = { numDevices, numJobs, parts, steps: 5, forward: 1, backward: 2 };
  expect(planOrders(unitPlan({ ...pipeline, groups: "unfused" }))).toEqual(lorappOrders(pipeline).orders);
});
