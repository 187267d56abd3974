import { expect, test } from "vitest";
import { createRng } from "../../core/index.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import type { Architecture } from "../../plan/index.ts";
import { cudaFixedBytes } from "../../plan/memory/cuda-memory.ts";
import { stageOfHalves } from "../../plan/planner/partition.ts";

const LLAMA = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"]));
const WHOLE = stageOfHalves(0, 1, 0, 2 * LLAMA.numLayers);
/** cuBLASLt's workspace and tables of tasks. */
const OTHERS = 36 * 2 ** 20;
/** The cosines and sines of a position of 64 angles. */
const POSITION = 64 * 2 * 4;

const rotaryBytes = (arch: Architecture, maxSequence: number, stage = WHOLE): number =>
  cudaFixedBytes(arch, stage, maxSequence) - OTHERS;

/** Positions of all tables that a device has once sequences of these lengths have come (RotationTables). */
function positionsKept(lengths: readonly number[]): number {
  const tables: number[] = [];
  for (const length of lengths) {
    const last = tables.at(-1);
    if (last === undefined) tables.push(Math.max(512, length));
    else if (last < length) tables.push(Math.max(2 * last, length));
  }
  return tables.reduce((sum, count) => sum + count, 0);
}

test("rotary tables have room whatever sequences come one after the other, and one is enough for short ones", () => {
  expect(rotaryBytes(LLAMA, 64)).toBe(512 * POSITION);
  expect(rotaryBytes(LLAMA, 512)).toBe(512 * POSITION);
  const rng = createRng("rotary tables");
  let largest = 0;
  for (let turn = 0; turn < 2000; turn += 1) {
    const most = 513 + Math.floor(rng.nextFloat() * 4000);
    const lengths = Array.from({ length: 6 }, () => 1 + Math.floor(rng.nextFloat() * most)).sort((a, b) => a - b);
    const share = (positionsKept([...lengths, most]) * POSITION) / rotaryBytes(LLAMA, most);
    largest = Math.max(largest, share);
  }
  expect(largest).toBeLessThanOrEqual(1);
  expect(largest).toBeGreaterThan(0.9);
  expect(rotaryBytes(LLAMA, 513)).toBeLessThan(positionsKept([512, 513]) * POSITION * 1.01);
});

test("each rope of a stage's layers has its own, of the columns that it turns", () => {
  const windowed = Array.from({ length: LLAMA.numLayers }, (_, layer) => layer % 2 === 0);
  const table = 512 * POSITION;
  const two: Architecture = { ...LLAMA, slidingWindow: 8, windowed, windowTheta: 1e4 };
  expect(rotaryBytes(two, 64)).toBe(2 * table);
  // Of layer 0 alone, whose window has a rope of its own.
  expect(rotaryBytes(two, 64, stageOfHalves(0, 2, 0, 2))).toBe(table);
  expect(rotaryBytes({ ...LLAMA, rotaryDim: 32 }, 64)).toBe(table / 4);
  expect(rotaryBytes({ ...LLAMA, ropeless: windowed.map(() => true) }, 64)).toBe(0);
  const factors = Array.from({ length: 64 }, () => 1);
  const scaling = { type: "longrope", shortFactors: factors, longFactors: factors, attentionFactor: 1 } as const;
  const long: Architecture = { ...LLAMA, ropeScaling: { ...scaling, originalMaxPositions: 100 } };
  expect([100, 101].map((most) => rotaryBytes(long, most))).toEqual([table, 2 * table]);
});
