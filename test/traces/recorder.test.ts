import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvariantError, nanos } from "../../core/index.ts";
import { createTraceRecorder, traceDocument } from "../../traces/index.ts";
import { event, PLAN_HASH, twoStages } from "./hand-made.ts";

const facts = {
  source: "executed",
  planHash: PLAN_HASH,
  calibrationHash: "sha256:cd",
  versions: { loratwin: "0.1.0" },
  devices: ["cpu:0", "cpu:1"],
} as const;

describe("the recorder", () => {
  it("hands over by time what was recorded in any order", () => {
    const { events, counters } = twoStages();
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...events], { minLength: events.length }),
        fc.shuffledSubarray([...counters], { minLength: counters.length }),
        (shuffled, samples) => {
          const recorder = createTraceRecorder(facts);
          for (const one of shuffled) recorder.add(one);
          for (const sample of samples) recorder.addCounter(sample);
          const trace = recorder.finish();
          expect(trace).toMatchObject(facts);
          for (const device of [0, 1]) {
            const order = (list: typeof events) =>
              list.filter((one) => one.device === device && one.stream === "compute").map(({ action }) => action);
            expect(order(trace.events)).toEqual(order(events));
          }
          expect(trace.counters.map(({ timeNs }) => timeNs)).toEqual([0, 0, 1e9, 2.5e9, 7e9]);
          expect(() => traceDocument(trace)).not.toThrow();
        },
      ),
    );
  });

  it("puts an update without duration before the action that starts with it", () => {
    const recorder = createTraceRecorder(facts);
    recorder.add(event("0F1", 3, 1));
    recorder.add(event("0U0", 3, 0));
    recorder.add(event("0B0", 1, 2));
    expect(recorder.finish().events.map(({ action }) => action)).toEqual(["0B0", "0U0", "0F1"]);
  });

  it("refuses two actions at once on one device", () => {
    const recorder = createTraceRecorder(facts);
    recorder.add(event("0F0", 0, 2));
    recorder.add(event("0F1", 1, 2));
    expect(() => recorder.finish()).toThrow(InvariantError);
    expect(() => recorder.finish()).toThrow(/0F1 to start on cpu:0 after 0F0 has ended/);
  });

  it("leaves out a loss that is no number", () => {
    const recorder = createTraceRecorder(facts);
    recorder.addCounter({ counter: "loss", device: 1, job: "math", timeNs: nanos(1), value: Number.NaN });
    recorder.addCounter({ counter: "loss", device: 1, job: "math", timeNs: nanos(2), value: 2.5 });
    expect(recorder.finish().counters).toHaveLength(1);
  });
});
