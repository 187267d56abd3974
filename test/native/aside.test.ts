import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeviceError } from "../../core/index.ts";
import { createRuntime, type Device, type MatrixSource, nativeInfo, type Runtime } from "../../native/index.ts";
import type { WeightDtype } from "../../native/tensors.ts";

const SIZE = 320;
const data = Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i) / 8);

let runtime: Runtime;
beforeEach(() => {
  runtime = createRuntime();
});
afterEach(() => runtime[Symbol.dispose]());

function createDevice(name: string): Device {
  return runtime.createDevice({ name, cores: nativeInfo().cores.slice(0, 1) });
}

function source(more: Partial<MatrixSource> = {}): MatrixSource {
  return { name: "w", out: SIZE, in: SIZE, data, backward: true, ...more };
}

describe("a matrix that is packed beside JavaScript's thread", () => {
  test.each(["float32", "bfloat16", "int8", "nf4"] satisfies WeightDtype[])(
    "multiplies as one that was loaded, and takes as much memory: %s",
    async (dtype) => {
      const product = async (device: Device, weight: number): Promise<readonly number[]> => {
        const isNarrow = dtype !== "float32";
        const at = (offset: number) => ({ space: "work", offset }) as const;
        device.reserveArena(8 * SIZE);
        device.writeArena(
          0,
          Float32Array.from({ length: isNarrow ? SIZE / 2 : SIZE }, (_, i) => Math.cos(i)),
        );
        const program = device.createProgram([
          {
            op: "matmul",
            ...(isNarrow ? { dtype: "bfloat16", yType: "float32" } : {}),
            ...{ x: at(0), ldx: SIZE, weight, y: at(4 * SIZE), ldy: SIZE },
          },
        ]);
        const places = { stash: 0, work: 0, in: 0, out: 0 };
        const bindings = { rows: 1, sequences: Int32Array.of(0, 1), segments: [], ...places };
        device.enqueueRun({ id: 0, program, bindings, waits: [] });
        await runtime.idle();
        return [...device.readArena(4 * SIZE, SIZE)];
      };
      const [loaded, packed] = [createDevice("loaded"), createDevice("packed")];
      const [own, other] = [loaded.loadMatrix(source({ dtype })), await packed.packMatrix(source({ dtype }))];
      expect(packed.statistics().memory).toEqual(loaded.statistics().memory);
      expect(await product(packed, other)).toEqual(await product(loaded, own));
    },
  );

  test("is one of several devices' at the same time, and others can share it afterwards", async () => {
    const devices = ["a", "b", "c", "d", "e", "f"].map(createDevice);
    const handles = await Promise.all(devices.map((device, i) => device.packMatrix(source({ sharedAs: `w${i}` }))));
    expect(handles).toEqual(devices.map(() => 0));
    expect(devices[0]!.shareWeights("matrix", "w5")).toBe(1);
    await expect(devices[1]!.packMatrix(source({ sharedAs: "w0" }))).rejects.toThrow(
      "a key that nothing is shared under",
    );
  });

  test("keeps its device from all else until it is there", async () => {
    const device = createDevice("busy");
    const packing = device.packMatrix(source());
    for (const call of [
      () => device.loadMatrix(source()),
      () => device.loadVector(new Float32Array(4)),
      () => device.reserveArena(64),
      () => device.createProgram([]),
    ])
      expect(call).toThrow('Expected a device that is set up at device busy, got "one that packs or reserves memory".');
    await expect(device.packMatrix(source())).rejects.toThrow("one that packs or reserves memory");
    expect(await packing).toBe(0);
    expect(device.loadMatrix(source())).toBe(1);
  });

  test("that cannot be packed is refused as one that cannot be loaded, and the device goes on", async () => {
    const device = createDevice("refusing");
    const wrong = { ...source({ dtype: "nf4" }), data: data.map((value, i) => (i === 3 * SIZE ? Number.NaN : value)) };
    const error: unknown = await device.packMatrix(wrong).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as DeviceError).message).toContain(
      'Expected finite weights at matrix w, got "one that is not in row 3"',
    );
    await expect(device.packMatrix({ ...source(), out: SIZE - 1 })).rejects.toThrow("elements");
    expect(device.statistics().memory.weightsBytes).toBe(0);
    expect(await device.packMatrix(source())).toBe(0);
  });

  test("is given up where its device is disposed of meanwhile", async () => {
    const device = createDevice("gone");
    const packing = device.packMatrix(source());
    runtime[Symbol.dispose]();
    await expect(packing).rejects.toThrow("a device that is not disposed");
  });
});

describe("an arena that is reserved beside JavaScript's thread", () => {
  test("is zeroed and as large as one that was reserved at once, and replaces the one before", async () => {
    const [first, second] = [createDevice("first"), createDevice("second")];
    first.reserveArena(1024);
    second.reserveArena(64);
    const reserving = second.prepareArena(1024);
    expect(() => second.readArena(0, 1)).toThrow("one that packs or reserves memory");
    await reserving;
    expect(second.statistics().memory).toEqual(first.statistics().memory);
    expect(second.readArena(0, 256)).toEqual(new Float32Array(256));
  });

  test("that is larger than memory is refused, and the device goes on", async () => {
    const device = createDevice("small");
    await expect(device.prepareArena(2 ** 52)).rejects.toThrow("Expected enough memory on this machine");
    await device.prepareArena(64);
    expect(device.readArena(0, 16)).toEqual(new Float32Array(16));
  });
});
