// Attacks that need more than one wrong value.
import type { RawOperator } from "../../native/raw-addon.ts";
import { attackedProgram, attackedPrograms, runOf } from "./addon-programs.ts";
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
const ALL_ROWS = { run: Float64Array.of(LAST, LAST, 0, 0, 0, 0), sequences: Int32Array.of(0, LAST) };

/** An array whose first item is looked at by running `trap`. */
function trapped(items: readonly unknown[], trap: (array: unknown[]) => unknown): unknown[] {
  const array = [...items];
  Object.defineProperty(array, 0, { get: () => trap(array) });
  return array;
}

/** An operator with other fields than those it may have. */
function changed(name: string, op: string, fields: (victim: Victim) => RawOperator): Scheme {
  return {
    name,
    run: (v) => {
      const { operator, bindings: given } = attackedProgram(v, op);
      v.addon.enqueueRun(
        v.device,
        1,
        [],
        -1,
        v.addon.createProgram(v.device, [{ ...operator, ...fields(v) }]),
        runOf(given),
      );
    },
  };
}

const NOT_POSITIVE = [0, -1, Number.NaN];
const vectorOf = ({ addon, device }: Victim, length: number): number =>
  addon.loadVector(device, new Float32Array(length), "");

/** Fields that do not go together, or not with the tensors that they are of. */
const FIELDS: readonly Scheme[] = [
  changed("a window beside chunks", "attention", () => ({ window: 1, chunk: 1 })),
  changed("no sink for each head", "attention", (v) => ({ sinks: vectorOf(v, 1) })),
  ...["scale", "softcap"].flatMap((field) =>
    ["attention", "attentionBackward", "cachedAttention", "headLoss", "headLogits"].flatMap((op) =>
      NOT_POSITIVE.map((value) => changed(`${op}: a ${field} of ${value}`, op, () => ({ [field]: value }))),
    ),
  ),
  ...NOT_POSITIVE.map((floor) => changed(`a temperature by steps of ${floor}`, "temperature", () => ({ floor }))),
  changed("a cache that is not the stash", "cachedAttention", () => ({ cache: { space: "work", offset: 0 } })),
  changed("fewer logits than rows want", "headLogits", () => ({ mostRows: 1 })),
  changed("a weight of one head for all", "headNorm", () => ({ whole: true })),
  changed("more frequencies than a head has pairs", "rope", (v) => ({ frequencies: vectorOf(v, 3) })),
  changed("long frequencies that are fewer", "rope", (v) => ({ longFrequencies: vectorOf(v, 1), longFrom: 1 })),
  changed("long frequencies from nowhere", "rope", (v) => ({ longFrequencies: vectorOf(v, 2) })),
  changed("rows that are long without frequencies", "rope", () => ({ longFrom: 1 })),
  changed("a sum that is rounded", "copy", () => ({ residual: { space: "work", offset: 0 } })),
  changed("a narrow norm of floats", "rmsnorm", () => ({ xType: "bfloat16" })),
  changed("an activation that there is not", "swiglu", () => ({ activation: "relu" })),
];

/** A program that is right in a run that is not. */
function inRun(name: string, op: string, given: (victim: Victim) => Readonly<Record<string, unknown>>): Scheme {
  return {
    name,
    run: (v) => {
      const { operator, bindings: own } = attackedProgram(v, op);
      put(v, [operator], { ...own, ...given(v) });
    },
  };
}

/** Bindings of runs whose sequences are in a cache. */
const CACHES: readonly Scheme[] = [
  inRun("a cache beyond the stash", "cachedAttention", () => ({ caches: Float64Array.of(1, 0, 2) })),
  inRun("a past that reaches beyond the whole", "cachedAttention", () => ({ caches: Float64Array.of(0, 0, 1) })),
  inRun("two sequences in the same rows of a cache", "cachedAttention", () => ({
    sequences: Int32Array.of(0, 1, 2),
    caches: Float64Array.of(0, 0, 1, 0, 0, 1),
  })),
  inRun("attention over a cache without one", "cachedAttention", () => ({ caches: new Float64Array(0) })),
  inRun("attention that knows of no cache", "attention", () => ({ caches: Float64Array.of(0, 0, 2) })),
  inRun("logits of a row that is not there", "headLogits", () => ({ logitRows: Int32Array.of(0, 2) })),
  inRun("logits of a row twice", "headLogits", () => ({ logitRows: Int32Array.of(1, 1) })),
  inRun("logits with dropout", "headLogits", ({ adapter }) => ({
    segments: Float64Array.of(adapter, 0, 2, 1, 0.5, 1, 2),
    rowKeys: Int32Array.of(0, 1),
  })),
];

export const SCHEMES: readonly Scheme[] = [
  ...FIELDS,
  ...CACHES,
  {
    name: "every program as it is",
    takes: true,
    run: (v) => {
      for (const { operator, bindings: given } of attackedPrograms(v))
        v.addon.enqueueRun(v.device, 1, [], -1, v.addon.createProgram(v.device, [operator]), runOf(given));
    },
  },
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
      put(v, [{ ...COPY, x }], {
        run: Float64Array.of(2 ** 16, 2 ** 16, 0, 0, 0, 0),
        sequences: Int32Array.of(0, 2 ** 16),
      });
    },
  },
  {
    name: "a rank of 2^32",
    run: ({ addon, device }) => addon.createAdapter(device, Float64Array.of(1, 2 ** 32, 4, 6, 1, 1, -1, 0), false),
  },
  {
    name: "an adapter whose size wraps",
    run: ({ addon, device }) =>
      addon.createAdapter(device, Float64Array.of(1, 2 ** 30 - 1, 2 ** 30 - 1, 2 ** 30 - 1, 1, 1, -1, 0), true),
  },
  { name: "reading 2^50 floats", run: ({ addon, device }) => addon.readArena(device, 0, 2 ** 50) },
  { name: "reading at 2^53 - 1", run: ({ addon, device }) => addon.readArena(device, 2 ** 53 - 1, 1) },
  {
    name: "fewer ids than rows",
    run: (v) => put(v, [attackedProgram(v, "embed").operator], { ids: Int32Array.of(1) }),
  },
  {
    name: "fewer targets than rows",
    run: (v) => {
      const { operator, bindings: given } = attackedProgram(v, "headLoss");
      put(v, [operator], { ...given, targets: Int32Array.of(1) });
    },
  },
  {
    name: "fewer row keys than rows",
    run: (v) => {
      const { operator, bindings: given } = attackedProgram(v, "lora");
      put(v, [operator], { ...given, rowKeys: Int32Array.of(1) });
    },
  },
  {
    name: "a matrix without its data",
    run: ({ addon, device }) =>
      addon.loadMatrix(device, "m", 4096, 4096, new Float32Array(1), true, "nf4", "", 1, false),
  },
  {
    name: "a packed matrix without its data",
    run: ({ addon, device }) =>
      addon.packMatrix(device, "m", 4096, 4096, new Float32Array(1), true, "nf4", "", 1, false),
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
