// What an attack on the addon has before it: a runtime, a device with an arena, weights, an adapter and a program.
import { createRequire } from "node:module";
import type { RawAddon, RawBindings, RawDevice, RawOperator, RawRuntime } from "../../native/raw-addon.ts";

export interface Victim {
  readonly addon: RawAddon;
  readonly runtime: RawRuntime;
  readonly device: RawDevice;
  /** [6, 4] */
  readonly matrix: number;
  readonly adapter: number;
  readonly event: number;
  readonly cell: number;
  /** Copies rows of 16 floats from `in` to `out`. */
  readonly program: number;
}

/** Attention over a cache takes 104 KiB of it as scratch. */
export const ARENA_BYTES = 2 ** 18;
export const COPY: RawOperator = {
  op: "copy",
  columns: 16,
  x: { space: "in", offset: 0 },
  from: "float32",
  y: { space: "out", offset: 0 },
  to: "float32",
};

/** A run of COPY over 2 rows. */
export function bindings(changes: Readonly<Record<string, unknown>> = {}): RawBindings {
  return {
    run: Float64Array.of(2, 2, 0, 0, 0, 4096),
    ids: undefined,
    targets: undefined,
    sequences: Int32Array.of(0, 2),
    rowKeys: undefined,
    logitRows: undefined,
    segments: new Float64Array(0),
    losses: new Float64Array(0),
    caches: new Float64Array(0),
    preferences: new Float64Array(0),
    sumSquares: new Float64Array(0),
    profile: false,
    ...changes,
  } as RawBindings;
}

export function loadAddon(path: string): RawAddon {
  return createRequire(import.meta.url)(path) as RawAddon;
}

export function makeVictim(addon: RawAddon): Victim {
  const runtime = addon.createRuntime(() => addon.drain(runtime));
  addon.keepAlive(runtime, false);
  const device = addon.createDevice(runtime, "cpu:0", addon.info().cores.slice(0, 1));
  addon.reserveArena(device, ARENA_BYTES);
  return {
    addon,
    runtime,
    device,
    matrix: addon.loadMatrix(device, "up", 6, 4, new Float32Array(24), true, "float32", "", 1, true),
    adapter: addon.createAdapter(device, Float64Array.of(3, 2, 4, 6, 1, 1, -1, 0), false),
    event: addon.createEvents(runtime, 4),
    cell: addon.createNormCells(runtime, 2),
    program: addon.createProgram(device, [COPY]),
  };
}
