import { describe, expect, it } from "vitest";
import { InputError, nanos } from "../../core/index.ts";
import { compareTable, compareTraces, joinTraces, type Trace } from "../../traces/index.ts";
import { altered, alternating, event, stretched, trace, twoStages } from "./hand-made.ts";

/** twoStages as it might really have run: every time is 25 % longer. */
function slower(): Trace {
  const run = altered(twoStages(), ({ startNs, durationNs }) => ({
    startNs: stretched(startNs, 1.25),
    durationNs: stretched(durationNs, 1.25),
  }));
  return {
    ...run,
    source: "executed",
    counters: run.counters.map((sample) =>
      sample.counter === "memory" ? { ...sample, value: sample.value * 0.8 } : sample,
    ),
  };
}

function failure(run: () => unknown): InputError {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("the join", () => {
  it("pairs every compute action, device by device in order", () => {
    const { actions } = joinTraces(twoStages(), slower());
    expect(actions.map(({ action }) => action)).toEqual([
      "0F0",
      "0F1",
      "0B0",
      "0U0",
      "0B1",
      "0U1",
      "1F0",
      "1B0",
      "1U0",
      "1F1",
      "1B1",
      "1U1",
    ]);
    expect(
      actions.every(
        ({ simulated, executed, device }) =>
          executed.durationNs === simulated.durationNs * 1.25 && executed.device === device,
      ),
    ).toBe(true);
  });

  it("refuses two plans", () => {
    expect(failure(() => joinTraces(twoStages(), { ...slower(), planHash: "sha256:00" })).message).toMatch(
      /two traces of one plan/,
    );
  });

  it("refuses other devices", () => {
    expect(failure(() => joinTraces(twoStages(), { ...slower(), devices: ["cpu:0", "cuda:0"] })).message).toMatch(
      /cpu:0, cpu:1 in both/,
    );
  });

  it("lists the first actions that are in one trace only", () => {
    const original = alternating(4);
    const without = {
      ...original,
      events: original.events.filter(({ letter, stage }) => letter !== "F" && !(stage === 1 && letter === "B")),
    };
    const { detail } = failure(() =>
      joinTraces(original, { ...without, source: "executed", events: [...without.events, event("0F99", 100, 1)] }),
    ).facts;
    expect(detail).toBe(
      "only in the first trace (simulated), 12: 0F0, 1F0, 1B0, 0F1, 1F1 and 7 more\nonly in the second trace (executed), 1: 0F99",
    );
  });

  it("refuses an action that is in the second trace alone", () => {
    const original = alternating(4);
    const more = { ...original, events: [...original.events, event("0F99", 100, 1)] };
    expect(failure(() => joinTraces(original, more)).facts.detail).toBe(
      "only in the second trace (simulated), 1: 0F99",
    );
  });

  it("refuses an action that is in a trace twice", () => {
    const twice = trace([event("0F0", 0, 1), event("0F0", 1, 1)]);
    expect(failure(() => joinTraces(twice, twice)).message).toMatch(
      /each action once in the simulated trace, got "0F0"/,
    );
  });

  it("reports where the order on a device differs", () => {
    const first = trace([event("0F0", 0, 1), event("0F1", 1, 1), event("0F2", 2, 1)]);
    const second = trace([event("0F0", 0, 1), event("0F2", 1, 1), event("0F1", 2, 1)]);
    expect(failure(() => joinTraces(first, second)).message).toMatch(
      /0F1 as action 2 of cpu:0 in both traces, got "0F2"/,
    );
  });

  it("reports an action that ran on another device", () => {
    const moved = trace([event("0F0", 0, 1, { device: 1 })]);
    expect(failure(() => joinTraces(trace([event("0F0", 0, 1)]), moved)).message).toMatch(
      /0F0 as action 1 of cpu:0 in both traces, got "none"/,
    );
  });
});

describe("the comparison", () => {
  it("is all zeros for a trace and itself", () => {
    const same = compareTraces(twoStages(), { ...twoStages(), source: "executed" });
    expect(same).toMatchObject({
      makespanError: 0,
      meanAbsActionError: 0,
      weightedActionError: 0,
      peakMemoryError: [0, 0],
    });
    expect(same.perKind).toEqual({
      F: { count: 4, meanAbsError: 0, weightedError: 0, bias: 0 },
      B: { count: 4, meanAbsError: 0, weightedError: 0, bias: 0 },
      U: { count: 4, meanAbsError: 0, weightedError: 0, bias: 0 },
    });
  });

  it("is signed: a simulator that promises 20 % less time and 25 % more memory", () => {
    const result = compareTraces(twoStages(), slower());
    expect(result.makespanError).toBeCloseTo(-0.2, 12);
    expect(result.meanAbsActionError).toBeCloseTo(0.2, 12);
    expect(result.weightedActionError).toBeCloseTo(0.2, 12);
    expect(result.perKind.F.bias).toBeCloseTo(-0.2, 12);
    expect(result.perKind.U).toEqual({ count: 4, meanAbsError: 0, weightedError: 0, bias: 0 });
    expect(result.peakMemoryError[0]).toBeCloseTo(0.25, 12);
    expect(result.simulated).toMatchObject({
      makespanSeconds: 10,
      tokensPerSecond: 4,
      bubbleRatio: null,
      bubbleRatioTotal: 0.4,
    });
    expect(result.executed).toMatchObject({ makespanSeconds: 12.5, tokensPerSecond: 3.2 });
    expect(result.devices[0]).toMatchObject({ name: "cpu:0", simulatedBusySeconds: 6, executedBusySeconds: 7.5 });
  });

  it("tells mean from weighted error, and bias from both", () => {
    // Forwards: 1 s said, 2 s came; 3 s said, 2 s came: off by half each, on the whole by nothing. Backward: 5 s said,
    // 10 s came.
    const simulated = trace([event("0F0", 0, 1), event("0F1", 10, 3), event("0B0", 20, 5), event("0U0", 30, 1)]);
    const executed = trace([event("0F0", 0, 2), event("0F1", 10, 2), event("0B0", 20, 10), event("0U0", 31, 0)]);
    const result = compareTraces(simulated, executed);
    expect(result.perKind.F).toEqual({ count: 2, meanAbsError: 0.5, weightedError: 0.5, bias: 0 });
    expect(result.perKind.B).toEqual({ count: 1, meanAbsError: 0.5, weightedError: 0.5, bias: -0.5 });
    expect(result.perKind.U).toEqual({ count: 1, meanAbsError: 1, weightedError: 1, bias: 1 });
    expect(result.meanAbsActionError).toBe(0.5);
    expect(result.weightedActionError).toBeCloseTo(8 / 14, 12);
    expect(result.worst[0]).toEqual({
      action: "0B0",
      device: "cpu:0",
      jobs: ["math"],
      simulatedSeconds: 5,
      executedSeconds: 10,
      error: -0.5,
    });
    expect(result.peakMemoryError).toEqual([0, 0]);
  });

  it("names the ten actions that differ most, worst first", () => {
    const original = alternating(6);
    const run = altered(original, ({ durationNs, microBatch, letter }) =>
      letter === "B" ? { durationNs: nanos(durationNs - microBatch * 1000) } : {},
    );
    const { worst } = compareTraces(original, run);
    expect(worst).toHaveLength(10);
    expect(worst.slice(0, 3).map(({ action }) => action)).toEqual(["0B5", "1B5", "0B4"]);
  });

  it("holds only what JSON can hold", () => {
    const result = compareTraces(
      trace([event("0F0", 0, 0), event("0U0", 0, 1)]),
      trace([event("0F0", 0, 0), event("0U0", 0, 0)]),
    );
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });
});

describe("the comparison's table", () => {
  it("is the one of the golden file", async () => {
    await expect(`${compareTable(compareTraces(twoStages(), slower()))}\n`).toMatchFileSnapshot(
      "goldens/compare-table.txt",
    );
  });

  it("fits 100 columns whatever the names and sizes", () => {
    const names = ["a-device-with-a-very-long-name-indeed", "another-device-with-a-long-name"];
    const long = (source: "simulated" | "executed", factor: number) => ({
      ...altered(twoStages(), ({ startNs, durationNs }) => ({
        startNs: stretched(startNs, factor),
        durationNs: stretched(durationNs, factor),
        jobs: ["a-job-with-a-very-long-name-indeed", "and-another-one"],
      })),
      source,
      devices: names,
      counters: [0, 1].map((device) => ({
        counter: "memory" as const,
        device,
        timeNs: nanos(0),
        value: 1023.994 * 2 ** 30 * (source === "executed" ? 1e-3 : 1),
      })),
    });
    const lines = compareTable(compareTraces(long("simulated", 39_999.7), long("executed", 17.3))).split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    for (const line of lines) expect(line).toBe(line.trimEnd());
  });
});
