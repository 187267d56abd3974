import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRecords, loadNative } from "../../native/load.ts";
import type { RawDevice, RawRuntime } from "../../native/raw-addon.ts";
import { RECORDS } from "../../native/records.ts";

const addon = loadNative();
const { records } = addon;

describe("an addon at its loading", () => {
  it("has the records that are packed and unpacked here", () => {
    expect(Object.keys(records).sort()).toEqual(Object.keys(RECORDS).sort());
    expect(() => checkRecords(addon, "a.node")).not.toThrow();
  });

  it.each([
    [
      "in another order",
      { ...records, SumSquares: "cell, adapter" },
      /SumSquares .* of adapter, cell .*"cell, adapter"/,
    ],
    ["under another name", { ...records, SumSquares: "adapter, norm" }, /"adapter, norm"/],
    ["more", { ...records, SumSquares: "adapter, cell, scale" }, /"adapter, cell, scale"/],
  ])("is refused with a field %s", (_, others, message) => {
    expect(() => checkRecords({ records: others }, "a.node")).toThrow(message);
  });

  it("is refused without a record, with one that is not known here, and without any", () => {
    const { Segment: _, ...others } = records;
    expect(() => checkRecords({ records: others }, "a.node")).toThrow(/Segment .* at a\.node, got "no such record"/);
    const more = { ...records, Lease: "from, to" };
    expect(() => checkRecords({ records: more }, "a.node")).toThrow(/Lease .* nothing .*"from, to"/);
    expect(() => checkRecords({}, "a.node")).toThrow(/npm run build/);
  });
});

describe("a record", () => {
  const rows = [
    { atNs: 1, product: 2, copy: 3 },
    { atNs: 4, product: 5, copy: 6 },
  ];

  it("has its fields in the order of its description, whatever the order of a row's", () => {
    const turned = rows.map(({ atNs, product, copy }) => ({ copy, atNs, left: "out", product }));
    expect([...RECORDS.SpeedSample.pack(turned)]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("gives back the rows that were packed, also none", () => {
    expect(RECORDS.SpeedSample.unpack(RECORDS.SpeedSample.pack(rows))).toEqual(rows);
    expect(RECORDS.SpeedSample.unpack(RECORDS.SpeedSample.pack([]))).toEqual([]);
  });
});

describe("the addon", () => {
  let runtime: RawRuntime;
  let device: RawDevice;
  beforeAll(() => {
    runtime = addon.createRuntime(() => {});
    device = addon.createDevice(runtime, "cpu:0", addon.info().cores.slice(0, 1));
  });
  afterAll(() => {
    addon.disposeDevice(device);
    addon.disposeRuntime(runtime);
  });

  it("refuses part of a row, and no row where there has to be one", () => {
    const entry = RECORDS.AdapterEntry.pack([
      { target: 0, rank: 2, inFeatures: 3, outFeatures: 5, scale: 1, experts: 1, weight: -1, column: 0 },
    ]);
    expect(addon.readAdapter(device, addon.createAdapter(device, entry, false), "parameters")).toHaveLength(16);
    expect(() => addon.createAdapter(device, entry.subarray(1), false)).toThrow(/rows of target, rank, .*7 numbers/);
    const bindings = {
      run: RECORDS.Run.pack([]),
      ids: undefined,
      targets: undefined,
      sequences: Int32Array.of(0, 1),
      rowKeys: undefined,
      logitRows: undefined,
      segments: RECORDS.Segment.pack([]),
      losses: RECORDS.LossPart.pack([]),
      caches: RECORDS.CachedRows.pack([]),
      preferences: RECORDS.Preference.pack([]),
      sumSquares: RECORDS.SumSquares.pack([]),
      profile: false,
    };
    const program = addon.createProgram(device, []);
    expect(() => addon.enqueueRun(device, 0, [], -1, program, bindings)).toThrow(
      /a row of rows, stashRows, .*0 numbers/,
    );
  });

  it("refuses a part that adapters do not have", () => {
    const adapter = addon.createAdapter(device, RECORDS.AdapterEntry.pack([]), false);
    expect(() => addon.readAdapter(device, adapter, "moments")).toThrow(/secondMoment.*moments/);
  });

  it("tells a device's figures by name", () => {
    const { times, memory, graphs } = addon.statistics(device);
    expect(RECORDS.Times.unpack(times)).toEqual([{ busyNs: 0, waitNs: 0, starvedNs: 0, hostWaits: 0 }]);
    const [bytes] = RECORDS.Memory.unpack(memory);
    expect(bytes!.adaptersBytes).toBeGreaterThan(0);
    expect(bytes!.peakBytes).toBeGreaterThanOrEqual(bytes!.adaptersBytes);
    expect(RECORDS.Graphs.unpack(graphs)).toEqual([
      { captured: 0, launched: 0, kept: 0, refused: 0, nodes: 0, bytes: 0 },
    ]);
  });
});
