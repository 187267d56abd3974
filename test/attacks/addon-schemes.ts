// Attacks that need more than one wrong value.
import type { RawOperator } from "../../native/raw-addon.ts";
import { attackedPrograms } from "./addon-programs.ts";
import { bindings, COPY, type Victim } from "./addon-victim.ts";

export interface Scheme {
  readonly name: string;
  /** Whether the addon has to take it; absent: it has to refuse. `either`: it may do both, and has to live. */
  readonly takes?: boolean | "either";
  readonly run: (victim: Victim) => unknown;
}

const LAST = 2 ** 31 - 1;
const put = (
  { addon, device }: Victim,
  operators: readonly unknown[],
  given: Readonly<Record<string, unknown>>,
): void =>
  addon.enqueueRun(device, 1, [], -1, addon.createProgram(device, operators as RawOperator[]), bindings(given));
const ALL_ROWS = { run: Float64Array.of(LAST, 0, 0, 0, 0), sequences: Int32Array.of(0, LAST) };

/** An array whose first item is looked at by running `trap`. */
function trapped(items: readonly unknown[], trap: (array: unknown[]) => unknown): unknown[] {
  const array = [...items];
  Object.defineProperty(array, 0, { get: () => trap(array) });
  return array;
}

export const SCHEMES: readonly Scheme[] = [
  { name: "2^31 - 1 rows of an empty program", takes: true, run: (v) => put(v, [], ALL_ROWS) },
  { name: "2^31 - 1 rows of a copy", run: (v) => put(v, [COPY], ALL_ROWS) },
  {
    name: "2^31 - 1 rows of the longest stride",
    run: (v) => put(v, [{ ...COPY, columns: LAST }], ALL_ROWS),
  },
  {
    name: "an offset in the stash that as many units as there are make wrap",
    run: (v) => {
      const x = { space: "stash", offset: 2 ** 52 };
      put(v, [{ ...COPY, x }], { run: Float64Array.of(2 ** 16, 0, 0, 0, 0), sequences: Int32Array.of(0, 2 ** 16) });
    },
  },
  {
    name: "a rank of 2^32",
    run: ({ addon, device }) => addon.createAdapter(device, Float64Array.of(1, 2 ** 32, 4, 6, 1)),
  },
  {
    name: "an adapter whose size wraps",
    run: ({ addon, device }) =>
      addon.createAdapter(device, Float64Array.of(1, 2 ** 30 - 1, 2 ** 30 - 1, 2 ** 30 - 1, 1)),
  },
  { name: "reading 2^50 floats", run: ({ addon, device }) => addon.readArena(device, 0, 2 ** 50) },
  { name: "reading at 2^53 - 1", run: ({ addon, device }) => addon.readArena(device, 2 ** 53 - 1, 1) },
  {
    name: "fewer ids than rows",
    run: (v) => put(v, [attackedPrograms(v)[0]!.operator], { ids: Int32Array.of(1) }),
  },
  {
    name: "fewer targets than rows",
    run: (v) =>
      put(v, [attackedPrograms(v)[9]!.operator], { ...attackedPrograms(v)[9]!.bindings, targets: Int32Array.of(1) }),
  },
  {
    name: "fewer row keys than rows",
    run: (v) =>
      put(v, [attackedPrograms(v)[12]!.operator], { ...attackedPrograms(v)[12]!.bindings, rowKeys: Int32Array.of(1) }),
  },
  {
    name: "a matrix without its data",
    run: ({ addon, device }) => addon.loadMatrix(device, "m", 4096, 4096, new Float32Array(1), true, "nf4", ""),
  },
  {
    name: "a packed matrix without its data",
    run: ({ addon, device }) => addon.packMatrix(device, "m", 4096, 4096, new Float32Array(1), true, "nf4", ""),
  },
  {
    name: "a table without its data",
    run: ({ addon, device }) => addon.loadTable(device, LAST, LAST, new Float32Array(1), "float32", ""),
  },
  { name: "no cores", run: ({ addon, runtime }) => addon.createDevice(runtime, "cpu:1", []) },
  { name: "core 2^32", run: ({ addon, runtime }) => addon.createDevice(runtime, "cpu:1", [2 ** 32]) },
  {
    name: "a core a million times",
    run: ({ addon, runtime }) => addon.createDevice(runtime, "cpu:1", new Array(1e6).fill(addon.info().cores[0])),
  },
  { name: "2^53 - 1 events", run: ({ addon, runtime }) => addon.createEvents(runtime, 2 ** 53 - 1) },
  {
    name: "a copy onto itself, a little further",
    takes: true,
    run: ({ addon, device }) => addon.enqueueSend(device, 1, [], -1, 0, 4096, device, 64),
  },
  {
    name: "a copy to a device of another runtime",
    run: ({ addon, device }) => {
      const other = addon.createRuntime(() => {});
      addon.keepAlive(other, false);
      try {
        addon.enqueueSend(
          device,
          1,
          [],
          -1,
          0,
          0,
          addon.createDevice(other, "cpu:0", addon.info().cores.slice(0, 1)),
          0,
        );
      } finally {
        addon.disposeRuntime(other);
      }
    },
  },
  {
    name: "waits that become more while they are read",
    run: ({ addon, device, program, event }) => {
      const waits = trapped([event], (array) => {
        for (let i = 0; i < 100_000; i++) array.push(2 ** 40);
        return 2 ** 40;
      });
      addon.enqueueRun(device, 1, waits as number[], -1, program, bindings());
    },
  },
  {
    name: "waits that dispose of the device",
    run: ({ addon, device, program, event }) => {
      const waits = trapped([event], () => {
        addon.disposeDevice(device);
        return event;
      });
      addon.enqueueRun(device, 1, waits as number[], -1, program, bindings());
    },
  },
  {
    name: "bindings that release the adapter that they name",
    run: (v) => {
      const given = bindings({ segments: Float64Array.of(v.adapter, 0, 2, 1, 0, 1, 2) });
      const lying = Object.defineProperty({ ...given }, "profile", {
        get: () => {
          v.addon.releaseAdapter(v.device, v.adapter);
          return false;
        },
      });
      v.addon.enqueueRun(v.device, 1, [], -1, v.program, lying);
    },
  },
  {
    name: "operators that hold themselves",
    run: (v) => {
      const projections: Record<string, unknown>[] = [{}];
      projections[0]!["projections"] = projections;
      put(v, [{ op: "lora", projections }], {});
    },
  },
  {
    name: "a proxy of a handle",
    run: ({ addon, device }) => addon.statistics(new Proxy(device, {})),
  },
  {
    name: "an object that inherits from a handle",
    run: ({ addon, device }) => addon.statistics(Object.create(device) as typeof device),
  },
  {
    name: "a device after its runtime",
    run: ({ addon, device, runtime }) => {
      addon.disposeRuntime(runtime);
      addon.readArena(device, 0, 1);
    },
  },
  {
    name: "an operator with a thousand fields",
    run: (v) =>
      put(v, [{ ...COPY, ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, i])) }], {}),
  },
];
