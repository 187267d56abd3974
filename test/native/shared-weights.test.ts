import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeviceError } from "../../core/index.ts";
import { createRuntime, type Device, type Handle, nativeInfo, type Runtime } from "../../native/index.ts";
import type { WeightDtype } from "../../native/tensors.ts";

const ROWS = 3;
const SIZE = 192;
const ROW_BYTES = 4 * SIZE;
const data = Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i) / 8);
const rows = Float32Array.from({ length: ROWS * SIZE }, (_, i) => Math.cos(i));

let runtime: Runtime;
beforeEach(() => {
  runtime = createRuntime();
});
afterEach(() => runtime[Symbol.dispose]());

function createDevice(name: string, numThreads = 1): Device {
  return runtime.createDevice({ name, cores: nativeInfo().cores.slice(0, numThreads) });
}

function load(device: Device, dtype: WeightDtype, sharedAs?: string): Handle {
  const shared = sharedAs === undefined ? {} : { sharedAs };
  return device.loadMatrix({ name: "w", out: SIZE, in: SIZE, data, dtype, backward: true, ...shared });
}

function weightsBytes(device: Device): number {
  return device.statistics().memory.weightsBytes;
}

/** The upper halves of floats, as the arena takes them: two in the place of one. */
function bfloat16Bits(values: Float32Array): Float32Array {
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
  return new Float32Array(halves.buffer);
}

/** x W^T and dy W of the rows, as the device computes them; fp32 results of whatever type it multiplies. */
async function products(device: Device, weight: Handle, dtype: WeightDtype): Promise<readonly number[]> {
  const isNarrow = dtype !== "float32";
  const at = (place: number) => ({ space: "work", offset: place * ROWS * ROW_BYTES }) as const;
  device.reserveArena(3 * ROWS * ROW_BYTES);
  device.writeArena(0, isNarrow ? bfloat16Bits(rows) : rows);
  const program = device.createProgram([
    {
      op: "matmul",
      ...(isNarrow ? { dtype: "bfloat16", yType: "float32" } : {}),
      ...{ x: at(0), ldx: SIZE, weight, y: at(1), ldy: SIZE },
    },
    {
      op: "matmulBackward",
      ...(isNarrow ? { dtype: "bfloat16", dxType: "float32" } : {}),
      ...{ dy: at(0), lddy: SIZE, weight, dx: at(2), lddx: SIZE },
    },
  ]);
  const places = { stash: 0, work: 0, in: 0, out: 0 };
  const bindings = { rows: ROWS, sequences: Int32Array.of(0, ROWS), segments: [], ...places };
  device.enqueueRun({ id: 0, program, bindings, waits: [] });
  await runtime.idle();
  return [...device.readArena(ROWS * ROW_BYTES, 2 * ROWS * SIZE)];
}

describe.each(["float32", "bfloat16", "int8", "nf4"] satisfies WeightDtype[])("a matrix in %s", (dtype) => {
  test("is held once by two devices, and both compute the same with it", async () => {
    const [first, second] = [createDevice("first"), createDevice("second")];
    const own = load(first, dtype, "w");
    const shared = second.shareWeights("matrix", "w")!;
    expect(weightsBytes(first)).toBeGreaterThan(0);
    expect(weightsBytes(second)).toBe(0);
    expect(await products(second, shared, dtype)).toEqual(await products(first, own, dtype));
  });

  test("computes the same for a device of more threads, as if that had packed it", async () => {
    if (nativeInfo().cores.length < 2) return;
    const [first, second] = [createDevice("first"), createDevice("second", 2)];
    load(first, dtype, "w");
    const shared = second.shareWeights("matrix", "w")!;
    expect(await products(second, shared, dtype)).toEqual(await products(second, load(second, dtype), dtype));
  });
});

describe("shared weights", () => {
  test("are vectors and tables too, each under keys of its own", () => {
    const [first, second] = [createDevice("first"), createDevice("second")];
    first.loadVector(new Float32Array(16), "w");
    first.loadTable({ rows: 4, columns: 16, data: new Float32Array(64), sharedAs: "w" });
    expect(second.shareWeights("matrix", "w")).toBeUndefined();
    expect([second.shareWeights("vector", "w"), second.shareWeights("table", "w")]).toEqual([0, 0]);
    expect([weightsBytes(first), weightsBytes(second)]).toEqual([64 + 256, 0]);
  });

  test("are only those that were loaded with a key, of the same runtime", () => {
    const [first, second] = [createDevice("first"), createDevice("second")];
    load(first, "float32");
    expect(second.shareWeights("matrix", "")).toBeUndefined();
    expect(second.shareWeights("matrix", "w")).toBeUndefined();
    load(first, "float32", "w");
    using other = createRuntime();
    const stranger = other.createDevice({ name: "stranger", cores: nativeInfo().cores.slice(0, 1) });
    expect(stranger.shareWeights("matrix", "w")).toBeUndefined();
  });

  test("outlive the device that loaded them for those that have them, and are gone for others", async () => {
    const [first, second, third] = [createDevice("first"), createDevice("second"), createDevice("third")];
    const before = await products(first, load(first, "float32", "w"), "float32");
    const shared = second.shareWeights("matrix", "w")!;
    first[Symbol.dispose]();
    expect(await products(second, shared, "float32")).toEqual(before);
    expect(third.shareWeights("matrix", "w")).toBeUndefined();
  });

  test("are not loaded a second time under the same key", () => {
    const [first, second] = [createDevice("first"), createDevice("second")];
    load(first, "float32", "w");
    expect(() => load(second, "float32", "w")).toThrow(DeviceError);
    expect(weightsBytes(second)).toBe(0);
  });
});
