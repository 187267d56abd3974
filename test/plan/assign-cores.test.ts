import fc from "fast-check";
import { expect, it } from "vitest";
import { DeviceError } from "../../core/index.ts";
import { assignCores, idleCoresText } from "../../plan/cluster/assign-cores.ts";
import type { ResolvedDevice } from "../../plan/index.ts";

type Asking = Pick<ResolvedDevice, "name" | "kind" | "threads">;

function cpu(name: string, threads = 1): Asking {
  return { name, kind: "cpu", threads };
}

it("a device of one thread has the core of its name, whatever stands before it", () => {
  expect(assignCores([cpu("cpu:3"), cpu("cpu:0")], 4)).toEqual([[3], [0]]);
});

it("devices of several threads, or of other names, take the cores that are left, in order", () => {
  expect(assignCores([cpu("cpu:0", 2), cpu("cpu:1", 2)], 4)).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(assignCores([cpu("cpu:0", 2), cpu("cpu:1"), cpu("slow")], 4)).toEqual([[0, 2], [1], [3]]);
  expect(assignCores([{ name: "cuda:0", kind: "cuda", threads: 1 }, cpu("slow")], 1)).toEqual([[], [0]]);
});

it("a core that is not there is refused by its name, too many threads by their number", () => {
  expect(() => assignCores([cpu("cpu:7")], 2)).toThrow(
    /^Expected a core of this machine, cpu:0 to cpu:1, got "cpu:7"\.\nHint: /,
  );
  expect(() => assignCores([cpu("cpu:1")], 1)).toThrow(/^Expected cpu:0, the one core of this machine, got "cpu:1"\./);
  expect(() => assignCores([cpu("a", 2), cpu("cpu:1")], 2)).toThrow(
    /^Expected a core for each thread \(3\) at a, got "2 cores"\./,
  );
});

it("no core is given twice, each device has as many as it has threads, and what does not fit is refused", () => {
  const devices = fc.uniqueArray(
    fc.record({
      name: fc.oneof(
        fc.nat(5).map((index) => `cpu:${index}`),
        fc.constantFrom("a", "b"),
      ),
      kind: fc.constant("cpu" as const),
      threads: fc.integer({ min: 1, max: 3 }),
    }),
    { selector: ({ name }) => name, maxLength: 5 },
  );
  fc.assert(
    fc.property(devices, fc.integer({ min: 1, max: 6 }), (asking, numCores) => {
      const wanted = asking.reduce((sum, { threads }) => sum + threads, 0);
      const isNamedThere = asking.every(({ name }) => !name.startsWith("cpu:") || Number(name.slice(4)) < numCores);
      if (wanted > numCores || !isNamedThere) {
        expect(() => assignCores(asking, numCores)).toThrow(DeviceError);
        return;
      }
      const cores = assignCores(asking, numCores);
      expect(cores.map((own) => own.length)).toEqual(asking.map(({ threads }) => threads));
      expect(new Set(cores.flat()).size).toBe(wanted);
      expect(Math.max(-1, ...cores.flat())).toBeLessThan(numCores);
    }),
  );
});

it("says which cores idle, and nothing where none does or no device is a CPU of this machine", () => {
  const here = (name: string, threads = 1, machine = "local") => ({ ...cpu(name, threads), machine });
  const text = (devices: readonly ReturnType<typeof here>[], cores: number) => idleCoresText(devices, () => cores);
  expect(text([here("cpu:0")], 2)).toMatch(/^1 of this machine's 2 cores is used, cpu:0; cpu:1 idles\./);
  expect(text([here("a", 2), here("cpu:1")], 8)).toMatch(
    /^3 of this machine's 8 cores are used, cpu:0 to cpu:2; cpu:3 to cpu:7 idle\./,
  );
  expect(text([here("cpu:1"), here("cpu:4")], 5)).toMatch(/used, cpu:1 and cpu:4; cpu:0, cpu:2 and cpu:3 idle\./);
  expect(text([here("cpu:0"), here("cpu:1")], 2)).toBeUndefined();
  expect(text([here("cpu:0", 1, "elsewhere"), { ...here("cuda:0"), kind: "cuda" as never }], 2)).toBeUndefined();
});
