import { describe, expect, it, test } from "vitest";
import { type Cluster, clusterSchema, messageBytes, parseAction } from "../../plan/index.ts";
import { someOf } from "../level.ts";
import { largestLossError, MIXED_CASE, outcome } from "./run-outcome.ts";
import { expectPlannedOperators, expectPlannedRoom, runSmall, SMALL, type SmallRun, smallCase } from "./small-run.ts";

/** Two CPU devices between which messages are as the link says. */
function cluster(link: object): Cluster {
  return clusterSchema.parse({
    kind: "cluster",
    version: 1,
    machines: [{ name: "local", devices: [0, 1].map((core) => ({ name: `cpu:${core}`, type: "cpu" })), link }],
  });
}

const WIDE: SmallRun = { devices: cluster({}), groups: 1 };
const ROUNDED: SmallRun = { devices: cluster({ transferDtype: "bfloat16" }), groups: 1 };

/** Biases, a head of its own, four layers that can be cut in halves. */
const halves = smallCase([{ rank: 5, targets: ["q_proj", "o_proj", "gate_proj", "down_proj"], dropout: 0.1 }], {
  ...SMALL,
  numLayers: 4,
  qkvBias: true,
  tiedEmbeddings: false,
});

/**
 * A number keeps 8 bits, so that the residual stream and its gradient have a relative error of at most 2^-9 = 0.2 % at
 * the one boundary that they cross, of random sign: losses, which are sums, move far less.
 */
const LOSS_BOUND = 1e-4;

describe.each([
  ["all projections, dropout, clipping", MIXED_CASE, [{}, { recompute: "layer" }]],
  ["stages that share a layer", halves, [{ cuts: [3] }, { cuts: [4] }, { cuts: [5], recomputedLayers: [1, 1] }]],
] as const)("a float32 model whose messages are bfloat16: %s", (_, small, choices) => {
  test.each(someOf<Partial<SmallRun>>(choices, { quick: 1, all: 4 }))(
    "has losses within 0.01 %% of those with float32 messages, and the same bytes twice: %o",
    async (choice) => {
      const rounded = await runSmall(small, { ...ROUNDED, ...choice });
      const wide = await runSmall(small, { ...WIDE, ...choice });
      expect(outcome(rounded)).not.toEqual(outcome(wide));
      expect(largestLossError(rounded, wide)).toBeLessThan(LOSS_BOUND);
      expect(outcome(await runSmall(small, { ...ROUNDED, ...choice }))).toEqual(outcome(rounded));
    },
  );

  test.each(someOf<Partial<SmallRun>>(choices, { quick: 1, all: 4 }))(
    "runs the operators that the planner lists: %o",
    async (choice) => {
      const { plan, operators } = await runSmall(small, { ...ROUNDED, ...choice });
      expectPlannedOperators(plan, operators);
    },
  );

  test.each(someOf<Partial<SmallRun>>(choices, { quick: 1, all: 4 }))(
    "has messages of half the bytes, and the memory that was planned: %o",
    async (choice) => {
      const { plan, statistics, trace } = await runSmall(small, { ...ROUNDED, ...choice });
      const wide = await runSmall(small, { ...WIDE, ...choice });
      expect(plan.links).toMatchObject([{ transferDtype: "bfloat16" }]);
      const [bytes, wideBytes] = [messageBytes(plan), messageBytes(wide.plan)];
      const sent = trace.events.filter(({ stream }) => stream !== "compute");
      expect(sent.length).toBeGreaterThan(0);
      for (const event of sent) {
        const { microBatch } = parseAction(event.action);
        expect(event.bytes).toBe(bytes(0, microBatch));
        expect(event.bytes).toBe(wideBytes(0, microBatch) / 2);
      }
      plan.memory.forEach((planned, stage) => {
        expectPlannedRoom(plan, planned, statistics[stage]!);
        expect(planned.buffers).toBeLessThanOrEqual(wide.plan.memory[stage]!.buffers / 2 + 64 * 8);
      });
    },
  );
});

describe("a bfloat16 model", () => {
  it("has messages of that type anyway, so that its run is the same", async () => {
    const run = { dtype: "bfloat16" } as const;
    expect(outcome(await runSmall(MIXED_CASE, { ...ROUNDED, ...run }))).toEqual(
      outcome(await runSmall(MIXED_CASE, { ...WIDE, ...run })),
    );
  });
});
