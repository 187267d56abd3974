// The addon's entries, each with arguments that are right, and what of each argument is right too.
import { ARENA_BYTES, bindings, COPY, type Victim } from "./addon-victim.ts";

type Judge = (value: unknown) => boolean;

export interface Entry {
  readonly name: string;
  readonly args: (victim: Victim) => readonly unknown[];
  /** Of each argument the values that may be taken; the others have to be refused. */
  readonly takes: readonly Judge[];
  /** Values that some machines can take and others cannot. */
  readonly skips?: Judge;
}

const never: Judge = () => false;
const whole =
  (least: number, most = 2 ** 53 - 1): Judge =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
const isRoom = whole(2 ** 20, 2 ** 40);
const isText: Judge = (value) => typeof value === "string" && value.length <= 1 << 16;
const isFlag: Judge = (value) => typeof value === "boolean";
const emptyList: Judge = (value) => Array.isArray(value) && value.length === 0;
const only =
  (...values: readonly unknown[]): Judge =>
  (value) =>
    values.includes(value);
/** Undefined floats are none at all; so is a buffer that has been taken away. */
const noFloats: Judge = (value) => value instanceof Float32Array && value.length === 0;

const task = (victim: Victim): readonly unknown[] => [victim.device, 1, [], -1];
const TASK: readonly Judge[] = [never, whole(-(2 ** 53) + 1), emptyList, whole(-1, 3)];
const matrix = (victim: Victim): readonly unknown[] => [
  ...[victim.device, "up", 6, 4, new Float32Array(24), true, "float32", "", 1, false],
];
const MATRIX = [never, isText, never, never, never, isFlag, only("bfloat16", "int8", "nf4"), isText, only(1), isFlag];
const ITEM = [0, 1, 1e-3, 1e-3, 0.9, 0.99, 1e-8, 0, 1, 0];

export const ENTRIES: readonly Entry[] = [
  { name: "createRuntime", args: () => [() => {}], takes: [(value) => typeof value === "function"] },
  { name: "drain", args: (v) => [v.runtime], takes: [never] },
  { name: "keepAlive", args: (v) => [v.runtime, false], takes: [never, isFlag] },
  { name: "disposeRuntime", args: (v) => [v.runtime], takes: [never] },
  { name: "createEvents", args: (v) => [v.runtime, 2], takes: [never, whole(0, 2 ** 20)] },
  { name: "renewEvents", args: (v) => [v.runtime, []], takes: [never, emptyList] },
  { name: "createNormCells", args: (v) => [v.runtime, 2], takes: [never, whole(0, 2 ** 20)] },
  { name: "signal", args: (v) => [v.runtime, v.event], takes: [never, whole(0, 3)] },
  { name: "nowNs", args: (v) => [v.runtime], takes: [never] },
  {
    name: "createDevice",
    args: (v) => [v.runtime, "cpu:1", v.addon.info().cores.slice(0, 1)],
    takes: [never, isText, never],
  },
  {
    name: "createCudaDevice",
    args: (v) => [v.runtime, "cuda:0", { index: 0, graphs: "off", graphRoomBytes: 0 }],
    takes: [never, never, never],
  },
  { name: "products", args: (v) => [v.device], takes: [never] },
  { name: "disposeDevice", args: (v) => [v.device], takes: [never] },
  { name: "loadMatrix", args: matrix, takes: MATRIX },
  { name: "packMatrix", args: matrix, takes: MATRIX },
  { name: "loadVector", args: (v) => [v.device, new Float32Array(4), ""], takes: [never, never, isText] },
  {
    name: "loadTable",
    args: (v) => [v.device, 3, 8, new Float32Array(24), "float32", ""],
    takes: [never, never, never, never, only("bfloat16"), isText],
  },
  { name: "shareWeights", args: (v) => [v.device, "matrix", "key"], takes: [never, only("vector", "table"), isText] },
  {
    name: "createAdapter",
    args: (v) => [v.device, Float64Array.of(1, 2, 4, 6, 1, 1, -1, 0), false],
    takes: [never, never, isFlag],
  },
  { name: "releaseAdapter", args: (v) => [v.device, v.adapter], takes: [never, only(0)] },
  {
    name: "writeAdapter",
    args: (v) => [v.device, v.adapter, "gradients", new Float32Array(20)],
    takes: [never, only(0), never, never],
  },
  { name: "readAdapter", args: (v) => [v.device, v.adapter, "gradients"], takes: [never, only(0), never] },
  { name: "reserveArena", args: (v) => [v.device, 4096], takes: [never, never], skips: isRoom },
  { name: "prepareArena", args: (v) => [v.device, 4096], takes: [never, never], skips: isRoom },
  {
    name: "writeArena",
    args: (v) => [v.device, 64, new Float32Array(4)],
    takes: [never, whole(0, ARENA_BYTES - 16), noFloats],
  },
  {
    name: "readArena",
    args: (v) => [v.device, 64, 4],
    takes: [never, whole(0, ARENA_BYTES - 16), whole(0, (ARENA_BYTES - 64) / 4)],
  },
  { name: "createProgram", args: (v) => [v.device, [COPY]], takes: [never, emptyList] },
  {
    name: "enqueueRun",
    args: (v) => [...task(v), v.program, bindings()],
    takes: [...TASK, only(0), never],
  },
  {
    name: "enqueueUpdate",
    args: (v) => [...task(v), Float64Array.from(ITEM), [[v.cell]]],
    takes: [...TASK, never, never],
  },
  {
    name: "enqueueSend",
    args: (v) => [...task(v), 0, 64, v.device, 128],
    takes: [...TASK, whole(0, ARENA_BYTES - 64), whole(0, ARENA_BYTES - 128), never, whole(0, ARENA_BYTES - 64)],
  },
  {
    name: "enqueueUpload",
    args: (v) => [...task(v), new Float32Array(4), 0],
    takes: [...TASK, noFloats, whole(0, ARENA_BYTES - 16)],
  },
  { name: "statistics", args: (v) => [v.device], takes: [never] },
  { name: "sampleSpeed", args: (v) => [v.device, "float32", 1e9], takes: [never, only("bfloat16"), whole(1)] },
  { name: "takeSpeedSamples", args: (v) => [v.device], takes: [never] },
  { name: "cudaFreeBytes", args: () => [0], takes: [never] },
  {
    name: "scratchBytes",
    args: () => ["attention", { threads: 1, maxSequence: 8, headDim: 4 }],
    takes: [never, never],
  },
];
