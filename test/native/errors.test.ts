import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeviceError } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import {
  type Bindings,
  createRuntime,
  type Device,
  type Handle,
  nativeInfo,
  type Operator,
  type Runtime,
  scratchBytes,
} from "../../native/index.ts";

const cores = nativeInfo().cores;
const [hidden, rows] = [4, 2];
const x = { space: "in", offset: 0 } as const;
const y = { space: "out", offset: 0 } as const;
const scratch = { space: "work", offset: 0 } as const;

let runtime: Runtime;
let device: Device;
let table: Handle;
let matrix: Handle;
let vector: Handle;
beforeEach(() => {
  runtime = createRuntime();
  device = runtime.createDevice({ name: "cpu:0", cores: cores.slice(0, 1) });
  device.reserveArena(4096);
  table = device.loadTable({ rows: 3, columns: hidden, data: new Float32Array(3 * hidden) });
  matrix = device.loadMatrix({ name: "up", out: 6, in: hidden, data: new Float32Array(6 * hidden), backward: false });
  vector = device.loadVector(new Float32Array(hidden));
});
afterEach(() => {
  runtime[Symbol.dispose]();
});

function createAdapter(rank: number, inFeatures = hidden): Handle {
  return device.createAdapter([{ target: 3, rank, inFeatures, outFeatures: 6, scale: 1 }]);
}

function bind(bindings: Partial<Bindings>): Bindings {
  return { rows, sequences: Int32Array.of(0, rows), segments: [], stash: 0, work: 0, in: 0, out: 1024, ...bindings };
}

function segment(adapter: Handle, rowStart: number, rowEnd: number, dropout = 0): Bindings["segments"][number] {
  return { adapter, rowStart, rowEnd, lossScale: 1, dropout, dropoutSeed: [1, 2] };
}

function loraOperator(): Operator {
  const projections = [{ target: 3, outFeatures: 6, column: 0, s: scratch, lds: 4 }];
  return { op: "lora", projections, x, ldx: 4, inFeatures: 4, y, ldy: 6 };
}

/** Expects a DeviceError whose text holds all the parts. */
function refused(call: () => unknown, ...parts: readonly string[]): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(DeviceError);
  for (const part of parts) expect((error as DeviceError).message).toContain(part);
}

describe("a wrong operator is refused with its index, its name and the field", () => {
  const embed = (): Operator => ({ op: "embed", table, out: y, hidden });
  const product = (): Operator => ({ op: "matmul", x, ldx: hidden, weight: matrix, y, ldy: 6 });
  const cases: readonly (readonly [string, () => unknown, readonly string[]])[] = [
    ["an unknown operator", () => ({ op: "gelu", x }), ["operators[1] (gelu)", "an operator"]],
    ["a missing field", () => ({ op: "embed", table, hidden }), ["operators[1] (embed).out", "a tensor", "nothing"]],
    ["an unknown field", () => ({ ...embed(), ldx: 4 }), ["operators[1] (embed).ldx", "no such field"]],
    ["a number for a tensor", () => ({ ...embed(), out: 5 }), ["operators[1] (embed).out", "a tensor", "5"]],
    ["an unknown space", () => ({ ...embed(), out: { space: "heap", offset: 0 } }), ["(embed).out.space", "heap"]],
    ["an odd offset", () => ({ ...embed(), out: { space: "out", offset: 4 } }), ["(embed).out", "multiple of 64"]],
    ["an unknown handle", () => ({ ...product(), weight: 9 }), ["(matmul).weight", "a matrix of this device", "9"]],
    ["a short row stride", () => ({ ...product(), ldy: 5 }), ["(matmul).ldy", "at least 6", "5"]],
    ["a bias of the wrong length", () => ({ ...product(), bias: vector }), ["(matmul).bias", "a vector of 6"]],
    ["a fraction", () => ({ ...embed(), hidden: 4.5 }), ["(embed).hidden", "a whole number", "4.5"]],
    [
      "a matrix without its backward packing",
      () => ({ op: "matmulBackward", dy: y, lddy: 6, weight: matrix, dx: x, lddx: 4 }),
      ["(matmulBackward).weight", "loaded with backward"],
    ],
    [
      "heads that kv heads do not divide",
      () => {
        const layout = { qColumn: 0, kColumn: 6, vColumn: 8, heads: 3, kvHeads: 2, headDim: 2 };
        return { op: "attention", qkv: x, ld: 16, ...layout, out: y, ldo: 6, lse: y, scratch };
      },
      ["(attention).kvHeads", "a divisor of 3"],
    ],
  ];
  test.each(cases)("%s", (_name, operator, parts) => {
    refused(() => device.createProgram([embed(), operator() as Operator]), ...parts);
  });
});

describe("a wrong run is refused when it is put in", () => {
  const run = (operators: readonly Operator[], bindings: Partial<Bindings>): (() => void) => {
    const program = device.createProgram(operators);
    return () => device.enqueueRun({ id: 1, program, bindings: bind(bindings), waits: [] });
  };
  const embed = (): readonly Operator[] => [{ op: "embed", table, out: y, hidden }];
  const ids = Int32Array.of(0, 1);

  test("when a tensor would end outside the arena", () => {
    const last = 4096 - rows * hidden * 4;
    run(embed(), { ids, out: last - (last % 64) })();
    refused(run(embed(), { ids, out: 4096 }), "operators[0] (embed).out", "the arena of 4096 bytes", "4128");
    const attention = { qColumn: 0, kColumn: 2, vColumn: 4, heads: 1, kvHeads: 1, headDim: 2 };
    const operator: Operator = { op: "attention", qkv: x, ld: 6, ...attention, out: y, ldo: 2, lse: y, scratch };
    const needed = scratchBytes("attention", { threads: 1, maxSequence: rows, headDim: 2 });
    device[Symbol.dispose]();
    device = runtime.createDevice({ name: "cpu:1", cores: cores.slice(0, 1) });
    const base = 2048;
    device.reserveArena(base + needed);
    run([operator], { work: base })();
    refused(run([operator], { work: base + 64 }), "(attention).scratch", String(base + 64 + needed));
  });
  test("when ids are missing or of another length", () => {
    refused(run(embed(), {}), "operators[0] (embed).ids");
    refused(run(embed(), { ids: Int32Array.of(0) }), "bindings.ids", "2 elements");
  });
  test("when sequences or segments do not fit the rows", () => {
    refused(run([], { sequences: Int32Array.of(0, 1) }), "bindings.sequences", "from 0 to 2");
    refused(run([], { sequences: Int32Array.of(0, 2, 1, 2) }), "bindings.sequences");
    const [a, b] = [createAdapter(2), createAdapter(2)];
    refused(run([], { segments: [segment(a, 0, 3)] }), "bindings.segments[0]", "0 .. 3");
    refused(run([], { segments: [segment(a, 1, 2), segment(b, 0, 1)] }), "bindings.segments[1]", "0 .. 1");
    refused(run([], { segments: [segment(a, 0, 1), segment(a, 1, 2)] }), "segments[1].adapter", "each adapter once");
    refused(run([], { segments: [segment(a, 0, 1, 0.5)] }), "bindings.rowKeys");
    refused(run([], { segments: [segment(99, 0, 1)] }), "an adapter of device cpu:0", "99");
  });
  test("when an adapter does not fit the operator", () => {
    refused(run([loraOperator()], { segments: [segment(createAdapter(5), 0, 2)] }), "(lora).lds", "rank 5");
    refused(run([loraOperator()], { segments: [segment(createAdapter(2, 3), 0, 2)] }), "(lora).target", "[6,4]");
  });
  test("when an event is unknown, or signalled by something else already", () => {
    const program = device.createProgram([]);
    const event = runtime.createEvents(1);
    const put = (waits: readonly number[], signal: number): void =>
      device.enqueueRun({ id: 1, program, bindings: bind({}), waits, signal });
    refused(() => put([event + 1], event), "waits", "an event of this runtime");
    put([], event);
    refused(() => put([], event), "signal", "nothing else signals");
    refused(() => runtime.signal(event), "signal", "nothing else signals");
  });
});

describe("memory in use is not touched", () => {
  test("the arena and an adapter cannot be read while a task that may change them is pending", async () => {
    const adapter = createAdapter(2);
    const gate = runtime.createEvents(1);
    const program = device.createProgram([]);
    device.enqueueRun({ id: 1, program, bindings: bind({ segments: [segment(adapter, 0, 2)] }), waits: [gate] });
    refused(() => device.readArena(0, 1), "no pending tasks");
    refused(() => device.reserveArena(64), "no pending tasks");
    refused(() => device.readAdapter(adapter, "parameters"), "no pending task that uses the adapter");
    refused(() => device.releaseAdapter(adapter), "no pending task that uses the adapter");
    expect(device.readAdapter(createAdapter(1), "gradients").length).toBe(10);
    runtime.signal(gate);
    await runtime.idle();
    expect(device.readAdapter(adapter, "parameters").length).toBe(20);
  });
  test("copies stay within both arenas", () => {
    const send = { id: 1, source: 0, bytes: 4096, destination: device, destinationOffset: 64, waits: [] };
    refused(() => device.enqueueSend(send), "send.destinationOffset", "4160");
    refused(() => device.enqueueSend({ ...send, source: 1, destinationOffset: 0 }), "send.source");
    refused(() => device.writeArena(4092, new Float32Array(2)), "4100");
  });
});

test("a core that this process may not use, or a name in use, is refused", () => {
  refused(() => runtime.createDevice({ name: "cpu:9", cores: [1023] }), "cores that this process may use", "1023");
  refused(() => runtime.createDevice({ name: "cpu:0", cores: [cores[0]!] }), "a name of its own");
});

test("weights that cannot be quantized are refused with their matrix and row, and so is an unknown format", () => {
  const source = { name: "up", out: 2, in: 2, backward: true } as const;
  for (const data of [Float32Array.of(1, 2, 3, Number.NaN), Uint16Array.of(0, 0, 0, 0x7f80)]) {
    for (const dtype of ["int8", "nf4"] as const)
      refused(() => device.loadMatrix({ ...source, data, dtype }), "finite weights", "matrix up", "row 1");
  }
  const data = new Float32Array(4);
  refused(() => device.loadMatrix({ ...source, data, dtype: "int4" as "int8" }), "float32, bfloat16, int8 or nf4");
});

test("an operator that fails stops all devices, and its name, arguments and shapes are told once", async () => {
  const other = runtime.createDevice({ name: "cpu:1", cores: cores.slice(-1) });
  const errors: DeviceError[] = [];
  const completed: number[] = [];
  runtime.onError((error) => errors.push(error));
  runtime.onComplete((batch) => completed.push(...batch.map(({ id }) => id)));
  const program = device.createProgram([{ op: "embed", table, out: y, hidden }]);
  const empty = other.createProgram([]);
  const gate = runtime.createEvents(1);
  other.enqueueRun({ id: 1, program: empty, bindings: bind({}), waits: [gate] });
  device.enqueueRun({ id: 2, program, bindings: bind({ ids: Int32Array.of(0, 2) }), waits: [] });
  device.enqueueRun({ id: 3, program, bindings: bind({ ids: Int32Array.of(0, 7) }), waits: [], signal: gate });
  device.enqueueRun({ id: 4, program, bindings: bind({ ids: Int32Array.of(0, 1) }), waits: [] });
  await expect(runtime.idle()).rejects.toThrow(DeviceError);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(completed).toEqual([2]);
  expect(errors.length).toBe(1);
  const text = errors[0]!.message;
  for (const part of ["task 3 on device cpu:0", "operators[0] (embed)", "hidden=4", "rows=2", "7"]) {
    expect(text).toContain(part);
  }
  await expect(runtime.idle()).rejects.toThrow(errors[0]!);
  refused(() => other.enqueueRun({ id: 5, program: empty, bindings: bind({}), waits: [] }), "task 3");
});

test("an addon that does not load is an error that lists the paths tried and how to build it", {
  tags: ["slow"],
}, () => {
  const program = packageFile("dist", "cli", "main.js");
  const environment = { ...process.env, LORATWIN_ADDON: "/nowhere/loratwin.node" };
  const { stderr } = spawnSync(process.execPath, [program, "devices"], { encoding: "utf8", env: environment });
  expect(stderr).toBe(
    'Expected the native addon loratwin.node, got "none that loads".\n\n' +
      "  tried /nowhere/loratwin.node: no such file\nHint: Get it: npm run build.\n",
  );
});
