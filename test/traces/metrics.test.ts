import { describe, expect, it } from "vitest";
import { InputError } from "../../core/index.ts";
import { runMetrics, traceTotals } from "../../traces/index.ts";
import { alternating, event, PLAN_HASH, trace, twoStages, twoStagesPlan } from "./hand-made.ts";

describe("the metrics of a run", () => {
  it("are those counted by hand for two jobs on two stages", () => {
    const metrics = runMetrics(twoStagesPlan(), twoStages());
    expect(metrics).toEqual({
      planHash: PLAN_HASH,
      source: "simulated",
      makespanSeconds: 10,
      tokens: 40,
      tokensPerSecond: 4,
      bubbleRatio: null,
      bubbleRatioTotal: (20 - 12) / 20,
      devices: [
        { name: "cpu:0", busySeconds: 6, idleSeconds: 4, peakMemoryBytes: 1500 },
        { name: "cpu:1", busySeconds: 6, idleSeconds: 4, peakMemoryBytes: 800 },
      ],
      jobs: [
        {
          ...{ name: "math", steps: 1, tokens: 10, startSeconds: 0, endSeconds: 7 },
          ...{ turnaroundSeconds: 7, waitSeconds: 0, deviceSeconds: 6 },
        },
        {
          ...{ name: "text", steps: 1, tokens: 30, startSeconds: 1, endSeconds: 10 },
          ...{ turnaroundSeconds: 10, waitSeconds: 1, deviceSeconds: 6 },
        },
      ],
    });
  });

  it("count the tokens of each job of a fused micro-batch, and its last update by its own number of steps", () => {
    const plan = {
      ...twoStagesPlan(),
      jobs: twoStagesPlan().jobs.map((job, i) => ({ ...job, steps: i + 1 })),
      groups: [
        {
          pipeline: 0,
          members: [
            { job: 0, firstStep: 0, endStep: 1 },
            { job: 1, firstStep: 0, endStep: 2 },
          ],
        },
      ],
      microBatches: [
        {
          index: 0,
          group: 0,
          step: 0,
          part: 0,
          after: [],
          rows: [[0, 0, 10, 9] as [number, number, number, number], [1, 0, 4, 3] as [number, number, number, number]],
        },
        { index: 1, group: 0, step: 1, part: 0, after: [0], rows: [[1, 1, 5, 4] as [number, number, number, number]] },
      ],
    };
    const both = { jobs: ["math", "text"], tokens: 14 };
    const later = { jobs: ["text"], tokens: 5, step: 1 };
    const run = trace(
      [
        event("0F0", 0, 1, both),
        event("0B0", 1, 2, both),
        event("0U0", 3, 1, both),
        event("0F1", 4, 1, later),
        event("0B1", 5, 2, later),
        event("0U1", 7, 1, later),
      ],
      {
        devices: ["cpu:0"],
      },
    );
    expect(runMetrics(plan, run).jobs).toMatchObject([
      // Of three shared seconds 10 parts of 14, and half of an update of two adapters that are alike.
      { name: "math", steps: 1, tokens: 10, startSeconds: 0, endSeconds: 4, deviceSeconds: 2.642857143 },
      { name: "text", steps: 2, tokens: 9, startSeconds: 0, endSeconds: 8, deviceSeconds: 5.357142857 },
    ]);
  });

  it("refuse a trace of another plan", () => {
    expect(() => runMetrics({ ...twoStagesPlan(), hash: "sha256:00" }, twoStages())).toThrow(InputError);
  });

  it("refuse a trace without a job's last update", () => {
    const cutShort = twoStages();
    expect(() =>
      runMetrics(twoStagesPlan(), { ...cutShort, events: cutShort.events.filter(({ letter }) => letter !== "U") }),
    ).toThrow(/last update of job math/);
  });
});

describe("the bubble ratio", () => {
  it("is null for fewer than four steps", () => {
    expect(traceTotals(alternating(3)).bubbleRatio).toBeNull();
    expect(traceTotals(alternating(4)).bubbleRatio).not.toBeNull();
  });

  it("is a half where two stages take turns", () => {
    expect(traceTotals(alternating(8)).bubbleRatio).toBe(0.5);
  });

  it("is exactly 0 where nothing idles, and leaves fill and drain to the whole run's ratio", () => {
    const steps = 6;
    const busy = Array.from({ length: steps }, (_, step) => [
      event(`0F${step}`, 3 * step, 3, { step }),
      event(`1F${step}`, 3 * step + 3, 3, { step }),
    ]).flat();
    const totals = traceTotals(trace(busy));
    expect(totals.bubbleRatio).toBe(0);
    expect(totals.bubbleRatioTotal).toBeCloseTo(6 / 42, 12);
  });

  it("counts from step floor(S/2) to step S - 1 of the first job, clipping actions that reach over", () => {
    // Starts of stage 0's forwards: 0, 2, 4, 10, 12. The region is [4, 12): the forward at 4 reaches to 8, the one at
    // 10 past the end.
    const events = [
      event("0F0", 0, 1),
      event("0F1", 2, 1, { step: 1 }),
      event("0F2", 4, 4, { step: 2 }),
      event("0F3", 10, 1, { step: 3 }),
      event("0F4", 12, 1, { step: 4 }),
    ];
    expect(traceTotals(trace(events, { devices: ["cpu:0"] })).bubbleRatio).toBe(3 / 8);
  });

  it("counts the steps of the job that is named, not those of others", () => {
    const other = { jobs: ["text"] };
    const events = [...alternating(4).events, event("0F9", 100, 1, { ...other, step: 0 })];
    expect(traceTotals(trace(events), [{ firstStage: 0, firstJob: "math" }]).bubbleRatio).toBe(0.5);
    expect(traceTotals(trace(events), [{ firstStage: 0, firstJob: "text" }]).bubbleRatio).toBeNull();
  });
});

describe("the totals of a trace", () => {
  it("are zeros for an empty trace, and a peak of 0 where no memory was sampled", () => {
    expect(traceTotals(trace([]))).toMatchObject({
      makespanSeconds: 0,
      tokens: 0,
      tokensPerSecond: 0,
      bubbleRatio: null,
      bubbleRatioTotal: 0,
    });
    expect(traceTotals(trace([])).devices[0]!.peakMemoryBytes).toBe(0);
  });

  it("count from the first action, wherever the clock began", () => {
    expect(traceTotals(trace([event("0F0", 5, 1), event("1F0", 6, 1)])).makespanSeconds).toBe(2);
  });
});
