import { expect, test } from "vitest";
import { nativeInfo } from "../../exec/index.ts";
import { type Completion, createRuntime, type DeviceOptions } from "../../native/index.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";

useEmulatedAddon();

const ROWS = 23;
const HIDDEN = 12;
const VOCABULARY = 37;
const TILE_ROWS = 4;
/** Rows 0, 1 and 22 belong to no segment. */
const SEGMENTS = [
  { rowStart: 2, rowEnd: 9, lossScale: 0.5 },
  { rowStart: 9, rowEnd: 9, lossScale: 1 },
  { rowStart: 9, rowEnd: 22, lossScale: 0.25 },
];

const wave = (count: number, pace: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * pace));

/** Losses by segment and dx [ROWS, HIDDEN] of a head over rows whose hidden state is NaN where they are not scored. */
async function headLoss(options: DeviceOptions, targets: Int32Array) {
  using runtime = createRuntime();
  const device = runtime.createDevice(options);
  const weight = device.loadMatrix({
    name: "head",
    out: VOCABULARY,
    in: HIDDEN,
    data: wave(VOCABULARY * HIDDEN, 0.37),
    backward: true,
  });
  const x = { space: "work", offset: 0 } as const;
  const logits = { space: "work", offset: 4096 } as const;
  const dx = { space: "stash", offset: 0 } as const;
  const program = device.createProgram([
    { op: "headLoss", x, weight, hidden: HIDDEN, vocabulary: VOCABULARY, dx, logits, tileRows: TILE_ROWS },
  ]);
  const adapters = SEGMENTS.map((_, i) =>
    device.createAdapter([{ target: i, rank: 1, inFeatures: 4, outFeatures: 4, scale: 1 }]),
  );
  device.reserveArena(1 << 16);
  const scored = (row: number) => targets[row]! >= 0 && SEGMENTS.some((s) => row >= s.rowStart && row < s.rowEnd);
  device.writeArena(
    0,
    wave(ROWS * HIDDEN, 0.91).map((value, i) => (scored(Math.floor(i / HIDDEN)) ? value : Number.NaN)),
  );
  const stash = 1 << 15;
  device.writeArena(stash, new Float32Array(ROWS * HIDDEN).fill(7));
  const done: Completion[] = [];
  runtime.onComplete((batch) => done.push(...batch));
  device.enqueueRun({
    id: 0,
    program,
    waits: [],
    bindings: {
      rows: ROWS,
      targets,
      sequences: Int32Array.of(0, ROWS),
      segments: SEGMENTS.map((s, i) => ({ ...s, adapter: adapters[i]!, dropout: 0, dropoutSeed: [0, 0] })),
      stash,
      work: 0,
      in: 0,
      out: 0,
    },
  });
  await runtime.idle();
  return { losses: [...done[0]!.losses!], dx: [...device.readArena(stash, ROWS * HIDDEN)] };
}

const all = Int32Array.from({ length: ROWS }, (_, row) => (row * 7) % VOCABULARY);

test.each([
  ["every row of a segment, in several tiles", all],
  ["rows with gaps that cross tiles", all.map((target, row) => (row % 3 === 1 ? -1 : target))],
  ["one row", all.map((target, row) => (row === 13 ? target : -1))],
  ["no row", all.map(() => -1)],
] as const)("a head on an emulated GPU computes scored rows only, as on a CPU device: %s", async (_, targets) => {
  const cpu = await headLoss({ name: "cpu:0", cores: nativeInfo().cores.slice(0, 1) }, targets);
  const gpu = await headLoss({ kind: "cuda", name: "cuda:0", index: 0 }, targets);
  expect(gpu.dx.every(Number.isFinite)).toBe(true);
  for (const part of ["losses", "dx"] as const) {
    expect(gpu[part].length).toBe(cpu[part].length);
    gpu[part].forEach((value, i) => {
      expect(value).toBeCloseTo(cpu[part][i]!, 5);
      if (cpu[part][i] === 0) expect(value).toBe(0);
    });
  }
  expect(await headLoss({ kind: "cuda", name: "cuda:0", index: 0 }, targets)).toEqual(gpu);
});
