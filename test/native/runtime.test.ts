import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Bindings,
  type Completion,
  createRuntime,
  type Device,
  type Handle,
  nativeInfo,
  type Operator,
  type Runtime,
} from "../../native/index.ts";
import { normals } from "./tiny-llama.ts";

const cores = nativeInfo().cores;
const pageBytes = 4096;
const arenaBytes = 16 * pageBytes;

let runtime: Runtime;
let done: Completion[];
beforeEach(() => {
  runtime = createRuntime();
  done = [];
  runtime.onComplete((batch) => done.push(...batch));
});
afterEach(() => {
  runtime[Symbol.dispose]();
});

function createDevice(name: string, core: number): Device {
  const device = runtime.createDevice({ name, cores: [cores[core % cores.length]!] });
  device.reserveArena(arenaBytes);
  return device;
}

function pair(): readonly [Device, Device] {
  return [createDevice("cpu:0", 0), createDevice("cpu:1", 1)];
}

/** A program y[T,4] = x W^T from space `in` to space `out` with W = diagonal(factor). */
function scaleBy(device: Device, factor: number): Handle {
  const data = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? factor : 0));
  const weight = device.loadMatrix({ name: "w", out: 4, in: 4, data, backward: false });
  const [x, y] = [{ space: "in", offset: 0 } as const, { space: "out", offset: 0 } as const];
  return device.createProgram([{ op: "matmul", x, ldx: 4, weight, y, ldy: 4 }]);
}

function bind(bindings: Partial<Bindings>): Bindings {
  const places = { stash: 0, work: 0, in: 0, out: pageBytes };
  return { rows: 2, sequences: Int32Array.of(0, 2), segments: [], ...places, ...bindings };
}

const input = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** A program long enough (tens of milliseconds) that other things happen meanwhile. */
function longProgram(device: Device): Handle {
  const size = 512;
  const data = normals("long", size * size, 0.05);
  const weight = device.loadMatrix({ name: "long", out: size, in: size, data, backward: false });
  device.reserveArena(4 * size * size * 4);
  const [x, y] = [{ space: "in", offset: 0 } as const, { space: "out", offset: 0 } as const];
  const product: Operator = { op: "matmul", x, ldx: size, weight, y, ldy: size };
  return device.createProgram(Array.from({ length: 20 }, () => product));
}

const longBindings = bind({ rows: 512, sequences: Int32Array.of(0, 512), out: 512 * 512 * 4 });

describe("queues", () => {
  test("run programs in order and report the device's own times", async () => {
    const device = createDevice("cpu:0", 0);
    const double = scaleBy(device, 2);
    device.writeArena(0, input);
    device.enqueueRun({ id: 10, program: double, bindings: bind({}), waits: [] });
    device.enqueueRun({ id: 11, program: double, bindings: bind({ in: pageBytes, out: 2 * pageBytes }), waits: [] });
    await runtime.idle();
    expect(device.readArena(2 * pageBytes, 8)).toEqual(input.map((x) => 4 * x));
    expect(done.map(({ device: name, stream, id }) => [name, stream, id])).toEqual([
      ["cpu:0", "compute", 10],
      ["cpu:0", "compute", 11],
    ]);
    const [first, second] = done as [Completion, Completion];
    expect(first.startNs).toBeGreaterThan(0);
    expect(first.endNs).toBeGreaterThanOrEqual(first.startNs);
    expect(second.startNs).toBeGreaterThanOrEqual(first.endNs);
    expect(second.endNs).toBeLessThan(runtime.nowNs());
    expect(first.losses).toBeUndefined();
  });

  test("upload in order on the compute stream, from a copy of the data", async () => {
    const device = createDevice("cpu:0", 0);
    const program = scaleBy(device, -1);
    const data = input.slice();
    device.enqueueUpload({ id: 1, data, destinationOffset: 0, waits: [] });
    device.enqueueRun({ id: 2, program, bindings: bind({}), waits: [] });
    data.fill(0);
    await runtime.idle();
    expect(device.readArena(pageBytes, 8)).toEqual(input.map((x) => -x));
  });

  test("hand a tensor from one device to the other in the order of the events", async () => {
    const [a, b] = pair();
    const [double, triple] = [scaleBy(a, 2), scaleBy(b, 3)];
    a.writeArena(0, input);
    const computed = runtime.createEvents(3);
    const [sent, finished] = [computed + 1, computed + 2];
    // Enqueued back to front: each waits for its event.
    b.enqueueRun({ id: 3, program: triple, bindings: bind({}), waits: [sent], signal: finished });
    a.enqueueSend({
      id: 2,
      source: pageBytes,
      bytes: 32,
      destination: b,
      destinationOffset: 0,
      waits: [computed],
      signal: sent,
    });
    a.enqueueRun({ id: 1, program: double, bindings: bind({}), waits: [], signal: computed });
    await runtime.idle();
    expect(b.readArena(pageBytes, 8)).toEqual(input.map((x) => 6 * x));
    const byId = new Map(done.map((completion) => [completion.id, completion]));
    expect(byId.get(2)!.stream).toBe("send");
    expect(byId.get(2)!.startNs).toBeGreaterThanOrEqual(byId.get(1)!.endNs);
    expect(byId.get(3)!.startNs).toBeGreaterThanOrEqual(byId.get(2)!.endNs);
  });

  test("stay strictly in order: a task whose events are there waits behind a head that waits", async () => {
    const device = createDevice("cpu:0", 0);
    const program = scaleBy(device, 1);
    const gate = runtime.createEvents(1);
    device.enqueueRun({ id: 1, program, bindings: bind({}), waits: [gate] });
    device.enqueueRun({ id: 2, program, bindings: bind({}), waits: [] });
    // Long enough for the device's thread to begin to wait on a busy machine.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(done).toEqual([]);
    runtime.signal(gate);
    await runtime.idle();
    expect(done.map(({ id }) => id)).toEqual([1, 2]);
    expect(device.statistics().waitNs).toBeGreaterThan(100e6);
  });

  test("hold a sender back until its receiver has freed the slot", async () => {
    const [a, b] = pair();
    const [producer, consumer] = [scaleBy(a, 1), scaleBy(b, 1)];
    const rounds = 20;
    const arrived = runtime.createEvents(rounds);
    const freed = runtime.createEvents(rounds);
    for (let i = 0; i < rounds; i++) {
      const produced = runtime.createEvents(1);
      // One slot on a too: round i is made once round i - 1 has been copied.
      const copied = i === 0 ? [] : [arrived + i - 1];
      a.enqueueUpload({ id: 100 + i, data: input.map((x) => x + i), destinationOffset: 0, waits: copied });
      a.enqueueRun({ id: 200 + i, program: producer, bindings: bind({}), waits: [], signal: produced });
      // One slot on b: round i may only be copied once b has read round i - 1.
      const waits = i === 0 ? [produced] : [produced, freed + i - 1];
      a.enqueueSend({
        id: 300 + i,
        source: pageBytes,
        bytes: 32,
        destination: b,
        destinationOffset: 0,
        waits,
        signal: arrived + i,
      });
      const bindings = bind({ out: 2 * pageBytes + 64 * i });
      b.enqueueRun({ id: 400 + i, program: consumer, bindings, waits: [arrived + i], signal: freed + i });
    }
    await runtime.idle();
    for (let i = 0; i < rounds; i++) {
      expect(b.readArena(2 * pageBytes + 64 * i, 8)).toEqual(input.map((x) => x + i));
    }
    const at = (id: number): Completion => done.find((completion) => completion.id === id)!;
    for (let i = 1; i < rounds; i++) expect(at(300 + i).startNs).toBeGreaterThanOrEqual(at(400 + i - 1).endNs);
  });

  test("compute on two devices at the same time", { tags: ["slow"] }, async () => {
    const [a, b] = pair();
    const [onA, onB] = [longProgram(a), longProgram(b)];
    // Long enough for both to get a core on a busy machine.
    for (let id = 0; id < 10; id += 1) {
      a.enqueueRun({ id, program: onA, bindings: longBindings, waits: [] });
      b.enqueueRun({ id, program: onB, bindings: longBindings, waits: [] });
    }
    await runtime.idle();
    const [ofA, ofB] = [a, b].map(({ name }) => done.filter(({ device }) => device === name)) as [
      Completion[],
      Completion[],
    ];
    expect(Math.max(ofA[0]!.startNs, ofB[0]!.startNs)).toBeLessThan(Math.min(ofA.at(-1)!.endNs, ofB.at(-1)!.endNs));
  });

  test("give the time of each operator when asked", async () => {
    const device = createDevice("cpu:0", 0);
    device.enqueueRun({ id: 1, program: longProgram(device), bindings: { ...longBindings, profile: true }, waits: [] });
    await runtime.idle();
    const { opNs, startNs, endNs } = done[0]!;
    expect(opNs!.length).toBe(20);
    expect(opNs!.every((ns) => ns > 0)).toBe(true);
    expect(opNs!.reduce((sum, ns) => sum + ns, 0)).toBeLessThanOrEqual(endNs - startNs);
  });

  test("wake JavaScript when they run low and when they are empty, not for every task", async () => {
    const [a, b] = pair();
    const [double, triple] = [scaleBy(a, 2), scaleBy(b, 3)];
    const start = runtime.createEvents(1);
    let batches = 0;
    runtime.onComplete((batch) => {
      batches += 1;
      done.push(...batch);
    });
    const count = 200;
    const destination = { destination: b, destinationOffset: 2 * pageBytes };
    for (let id = 0; id < count; id += 1) {
      a.enqueueRun({ id, program: double, bindings: bind({}), waits: [start] });
      a.enqueueSend({ id, source: 0, bytes: pageBytes, ...destination, waits: [start] });
      b.enqueueRun({ id, program: triple, bindings: bind({}), waits: [start] });
    }
    runtime.signal(start);
    await runtime.idle();
    expect(done).toHaveLength(3 * count);
    // Two for each of the three queues; one more for each 100 ms.
    expect(batches).toBeLessThan(20);
  });

  test("leave JavaScript free while they work", async () => {
    const device = createDevice("cpu:0", 0);
    const program = longProgram(device);
    const before = performance.now();
    for (let id = 0; id < 5; id++) device.enqueueRun({ id, program, bindings: longBindings, waits: [] });
    const enqueuedMs = performance.now() - before;
    await runtime.idle();
    const workedMs = (done.at(-1)!.endNs - done[0]!.startNs) / 1e6;
    expect(enqueuedMs).toBeLessThan(workedMs);
  });
});

describe("statistics", () => {
  test("split a device's time into busy, waiting and starved", async () => {
    const device = createDevice("cpu:0", 0);
    const program = longProgram(device);
    device.enqueueRun({ id: 1, program, bindings: longBindings, waits: [] });
    await runtime.idle();
    expect(device.statistics().starvedNs).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    device.enqueueRun({ id: 2, program, bindings: longBindings, waits: [] });
    await runtime.idle();
    const { busyNs, starvedNs } = device.statistics();
    expect(busyNs).toBe(done.reduce((sum, { startNs, endNs }) => sum + endNs - startNs, 0));
    expect(starvedNs).toBeGreaterThan(100e6);
  });

  test("count weights, arena and adapters, and remember the peak", () => {
    const device = createDevice("cpu:0", 0);
    device.loadVector(new Float32Array(100));
    const adapter = device.createAdapter([{ target: 0, rank: 4, inFeatures: 8, outFeatures: 24, scale: 1 }]);
    const { memory } = device.statistics();
    expect(memory.weightsBytes).toBe(448);
    expect(memory.arenaBytes).toBe(arenaBytes);
    expect(memory.adaptersBytes).toBe(4 * 128 * 4);
    device.releaseAdapter(adapter);
    const after = device.statistics().memory;
    expect(after.adaptersBytes).toBe(0);
    expect(after.peakBytes).toBe(memory.weightsBytes + memory.arenaBytes + memory.adaptersBytes + memory.otherBytes);
  });
});

describe("disposal", () => {
  test("with pending and running work does not hang, and idle rejects", async () => {
    const [a, b] = pair();
    const program = longProgram(a);
    const never = runtime.createEvents(1);
    for (let id = 0; id < 50; id++) a.enqueueRun({ id, program, bindings: longBindings, waits: [] });
    b.enqueueRun({ id: 100, program: scaleBy(b, 1), bindings: bind({}), waits: [never] });
    b.enqueueSend({ id: 101, source: 0, bytes: 64, destination: a, destinationOffset: 0, waits: [never] });
    const idle = expect(runtime.idle()).rejects.toThrow("Expected the runtime to become idle");
    await new Promise((resolve) => setTimeout(resolve, 5));
    const before = performance.now();
    runtime[Symbol.dispose]();
    expect(performance.now() - before).toBeLessThan(2000);
    await idle;
  });

  test("of one device leaves the others working, and its memory is given back", async () => {
    const [a, b] = pair();
    const program = scaleBy(b, 2);
    const never = runtime.createEvents(1);
    a.enqueueRun({ id: 1, program: scaleBy(a, 1), bindings: bind({}), waits: [never] });
    a[Symbol.dispose]();
    b.writeArena(0, input);
    b.enqueueRun({ id: 2, program, bindings: bind({}), waits: [] });
    await runtime.idle();
    expect(b.readArena(pageBytes, 8)).toEqual(input.map((x) => 2 * x));
    const { memory } = a.statistics();
    expect(memory.weightsBytes + memory.arenaBytes + memory.adaptersBytes + memory.otherBytes).toBe(0);
    expect(() => a.readArena(0, 1)).toThrow("a device that is not disposed");
  });

  test("is not needed for a process to end, whether tasks are pending or not", () => {
    const addon = JSON.stringify(fileURLToPath(new URL("../../native/build/loratwin.node", import.meta.url)));
    const body = (end: string): string => `
      const addon = require(${addon});
      const runtime = addon.createRuntime(() => {});
      addon.keepAlive(runtime, false);
      const device = addon.createDevice(runtime, "cpu:0", [${cores[0]}]);
      addon.createEvents(runtime, 1);
      addon.enqueueUpload(device, 1, [0], -1, new Float32Array(0), 0);
      ${end}`;
    for (const end of ["", "process.exit(0)"]) {
      const result = spawnSync(process.execPath, ["-e", body(end)], { encoding: "utf8", timeout: 10_000 });
      expect([result.status, result.signal, result.stderr]).toEqual([0, null, ""]);
    }
  });
});
