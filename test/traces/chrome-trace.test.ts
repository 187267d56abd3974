import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvariantError, nanos } from "../../core/index.ts";
import { MAX_TRACE_NS, toMicroseconds } from "../../traces/chrome-time.ts";
import {
  type CounterSample,
  parseTraceDocument,
  STREAMS,
  type Trace,
  type TraceEvent,
  traceDocument,
  traceLines,
} from "../../traces/index.ts";
import { event, trace, twoStages } from "./hand-made.ts";

const file = "trace.json";

function written(original: Trace): unknown {
  return JSON.parse([...traceLines(original)].join("\n"));
}

const jobNames = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9_.-]{0,8}$/), { minLength: 1, maxLength: 3 });

/** Streams that are each in order; events of transfer streams may overlap. `scale` reaches up to the longest trace. */
const anyTrace: fc.Arbitrary<Trace> = fc
  .record({
    devices: fc.array(fc.stringMatching(/^[a-z]{1,4}:[0-9]$/), { minLength: 1, maxLength: 3 }),
    jobs: jobNames,
    baseNs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: MAX_TRACE_NS - 2 ** 40 })),
    steps: fc.array(
      fc.record({
        device: fc.nat(2),
        stream: fc.constantFrom(...STREAMS),
        gapNs: fc.oneof(fc.constant(0), fc.nat(5000), fc.nat(2 ** 31 - 1)),
        durationNs: fc.oneof(fc.constant(0), fc.nat(5000), fc.nat(2 ** 31 - 1)),
        stage: fc.nat(5),
        letter: fc.constantFrom("F", "B", "U"),
        microBatch: fc.nat(99),
        step: fc.nat(9),
        part: fc.nat(3),
        tokens: fc.nat(5000),
        bytes: fc.option(fc.nat(), { nil: undefined }),
        overlaps: fc.boolean(),
      }),
      { maxLength: 40 },
    ),
    samples: fc.array(
      fc.record({
        device: fc.nat(2),
        timeNs: fc.nat(),
        value: fc.double({ noNaN: true, noDefaultInfinity: true }),
        job: fc.nat(2),
        loss: fc.boolean(),
      }),
      { maxLength: 10 },
    ),
  })
  .map(({ devices, jobs, baseNs, steps, samples }) => {
    const clocks = new Map<string, number>();
    const events = steps.map(({ device: anyDevice, gapNs, overlaps, bytes, ...rest }): TraceEvent => {
      const device = anyDevice % devices.length;
      const row = `${device}/${rest.stream}`;
      const startNs = (clocks.get(row) ?? baseNs) + gapNs;
      const serial = rest.stream === "compute" || !overlaps;
      clocks.set(row, startNs + (serial ? rest.durationNs : 0));
      const action = `${rest.stage}${rest.letter}${rest.microBatch}`;
      return {
        ...rest,
        letter: rest.letter,
        action,
        device,
        startNs: nanos(startNs),
        durationNs: nanos(rest.durationNs),
        jobs,
        ...(bytes === undefined ? {} : { bytes }),
      };
    });
    const counters = samples.map(({ device, timeNs, value, job, loss }): CounterSample => {
      const place = { device: device % devices.length, timeNs: nanos(timeNs), value: value === 0 ? 0 : value };
      return loss ? { counter: "loss", ...place, job: jobs[job % jobs.length]! } : { counter: "memory", ...place };
    });
    return trace(events, { devices, counters });
  });

describe("the trace file", () => {
  it("gives back the trace that was written, to the nanosecond", () => {
    fc.assert(
      fc.property(anyTrace, (original) => {
        expect(parseTraceDocument(written(original), { file })).toEqual(original);
      }),
    );
  });

  it("gives back a trace with everything in it", () => {
    const original = twoStages();
    expect(parseTraceDocument(written(original), { file })).toEqual(original);
    expect(parseTraceDocument(traceDocument(original), { file })).toEqual(original);
  });

  it("writes line by line what the document holds", () => {
    const lines = [...traceLines(twoStages())];
    expect(JSON.parse(lines.join("\n"))).toEqual(traceDocument(twoStages()));
    for (const line of lines.slice(1, -1)) expect(() => JSON.parse(line.replace(/,$/, ""))).not.toThrow();
    expect(written(trace([], { devices: [] }))).toMatchObject({ traceEvents: [] });
  });

  it("writes times that stay exact when a reader multiplies by 1000 and cuts", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 51 }), (time) => {
        expect(Math.trunc(toMicroseconds(nanos(time)) * 1000)).toBe(time);
      }),
      { numRuns: 2000 },
    );
    expect(Math.trunc((1001 / 1000) * 1000)).toBe(1000);
    expect(Math.trunc(toMicroseconds(nanos(1001)) * 1000)).toBe(1001);
  });

  it("says what it is in otherData and what an action was in args", () => {
    const document = traceDocument(twoStages());
    expect(document.otherData).toEqual({
      kind: "trace",
      version: 1,
      source: "simulated",
      planHash: twoStages().planHash,
      calibrationHash: "sha256:cd",
      versions: { loratwin: "0.1.0" },
    });
    const slices = document.traceEvents.filter(({ ph }) => ph === "X");
    expect(slices[0]).toEqual({
      ph: "X",
      name: "0F0",
      cat: "compute",
      pid: 1,
      tid: 2,
      ts: 0,
      dur: 1e6,
      args: { action: "0F0", jobs: ["math"], stage: 0, microBatch: 0, step: 0, part: 0, tokens: 10 },
    });
    expect(slices[3]).toMatchObject({ name: "0F0", cat: "transfer", pid: 2, tid: 1, args: { bytes: 640 } });
  });

  it("keeps events without duration", () => {
    const slices = traceDocument(twoStages()).traceEvents.filter((one) => one.ph === "X" && one.dur === 0);
    expect(slices.map((one) => one.name)).toEqual(["1U0", "0U0", "1U1", "0U1"]);
  });

  it("refuses to write what breaks the rules of a trace", () => {
    expect(() => traceDocument(trace([event("0F0", 0, 2), event("0F1", 1, 1)]))).toThrow(InvariantError);
    expect(() => traceDocument(trace([event("0F0", 5, 1), event("0F1", 1, 1)]))).toThrow(/in order of start time/);
    expect(() => traceDocument(trace([event("7F0", 0, 1)]))).toThrow(/a device of the trace/);
    expect(() => traceDocument(trace([event("0F0", 8_800_000, 0)]))).toThrow(/at most/);
    expect(() =>
      traceDocument(trace([], { counters: [{ counter: "memory", device: 0, timeNs: nanos(0), value: Number.NaN }] })),
    ).toThrow(/finite/);
  });
});

describe("what Perfetto asks of the file", () => {
  const overlapping = trace([
    event("0F0", 0, 1),
    event("0F0", 1, 2, { stream: "receive", device: 1 }),
    event("2B0", 2, 2, { stream: "receive", device: 1 }),
    event("0F1", 3, 2, { stream: "receive", device: 1 }),
    event("2B1", 4, 1, { stream: "receive", device: 1 }),
  ]);
  const documents = fc
    .oneof(anyTrace, fc.constantFrom(twoStages(), overlapping))
    .map((original) => traceDocument(original));

  it("has slices that never overlap on one pid and tid", () => {
    fc.assert(
      fc.property(documents, ({ traceEvents }) => {
        const ends = new Map<string, number>();
        for (const one of traceEvents) {
          if (one.ph !== "X") continue;
          const row = `${one.pid}/${one.tid}`;
          const start = Math.round(one.ts * 1000);
          expect(start).toBeGreaterThanOrEqual(ends.get(row) ?? 0);
          ends.set(row, start + Math.round(one.dur * 1000));
        }
      }),
    );
  });

  it("has one thread for each stream, and a further one only for transfers that overlap", () => {
    const threads = (original: Trace) =>
      traceDocument(original).traceEvents.flatMap((one) =>
        one.ph === "M" && one.name === "thread_name" ? [`${one.pid}/${one.tid} ${one.args.name}`] : [],
      );
    expect(threads(twoStages())).toEqual([
      "1/1 receive",
      "1/2 compute",
      "1/3 send",
      "2/1 receive",
      "2/2 compute",
      "2/3 send",
    ]);
    expect(threads(overlapping)).toEqual(["1/2 compute", "2/1 receive", "2/5 receive 2"]);
  });

  it("has metadata for names and sort indices only, and before everything else", () => {
    fc.assert(
      fc.property(documents, ({ traceEvents }) => {
        const named = new Set<string>();
        let ended = false;
        for (const one of traceEvents) {
          if (one.ph === "M") {
            expect(ended).toBe(false);
            expect(["process_name", "process_sort_index", "thread_name", "thread_sort_index"]).toContain(one.name);
            if (one.name === "thread_name") named.add(`${one.pid}/${one.tid}`);
          } else {
            ended = true;
            if (one.ph === "X") expect(named).toContain(`${one.pid}/${one.tid}`);
          }
        }
      }),
    );
  });

  it("sorts rows by stream, each of them in a place of its own", () => {
    fc.assert(
      fc.property(documents, ({ traceEvents }) => {
        const places = traceEvents.flatMap((one) =>
          one.ph === "M" && one.name === "thread_sort_index" ? [`${one.pid} ${JSON.stringify(one.args)}`] : [],
        );
        expect(new Set(places).size).toBe(places.length);
      }),
    );
  });

  it("has counters with numbers only, one of memory a device and one of loss a job", () => {
    fc.assert(
      fc.property(documents, ({ traceEvents }) => {
        for (const one of traceEvents)
          if (one.ph === "C") for (const value of Object.values(one.args)) expect(Number.isFinite(value)).toBe(true);
      }),
    );
    const names = traceDocument(twoStages()).traceEvents.flatMap((one) =>
      one.ph === "C" ? [`${one.pid} ${one.name}`] : [],
    );
    expect(new Set(names)).toEqual(new Set(["1 memory", "2 memory", "2 loss math"]));
  });

  it("has flows in pairs with an id of their own, each inside a slice that comes earlier in the file", () => {
    fc.assert(
      fc.property(documents, ({ traceEvents }) => {
        const rows = new Map<string, { readonly ts: number; readonly end: number }[]>();
        const open = new Map<string, number>();
        for (const one of traceEvents) {
          if (one.ph === "X") {
            const row = `${one.pid}/${one.tid}`;
            rows.set(row, [...(rows.get(row) ?? []), { ts: one.ts, end: one.ts + one.dur }]);
          } else if (one.ph === "s" || one.ph === "f") {
            const enclosing = (rows.get(`${one.pid}/${one.tid}`) ?? []).filter(
              ({ ts, end }) => ts <= one.ts && one.ts <= end,
            );
            expect(enclosing.length).toBeGreaterThan(0);
            const flow = `${one.cat}/${one.name}/${one.id}`;
            open.set(flow, (open.get(flow) ?? 0) + (one.ph === "s" ? 1 : 10));
            if (one.ph === "f") expect(one.bp).toBe("e");
          }
        }
        for (const seen of open.values()) expect(seen).toBe(11);
      }),
    );
  });

  it("draws activations to the stage above and gradients to the stage below", () => {
    const flows = traceDocument(twoStages()).traceEvents.flatMap((one) =>
      one.ph === "s" || one.ph === "f" ? [`${one.ph}${one.id} ${one.name} ${one.pid}/${one.tid}@${one.ts / 1e6}`] : [],
    );
    expect(flows).toEqual([
      "s1 activations 1/3@1",
      "f1 activations 2/2@1.5",
      "s2 activations 1/3@2",
      "f2 activations 2/2@4.5",
      "s3 gradients 2/3@4.5",
      "f3 gradients 1/2@5",
      "s4 gradients 2/3@7.5",
      "f4 gradients 1/2@8",
    ]);
  });
});
