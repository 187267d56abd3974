// @module-tag slow
import { expect, test } from "vitest";
import { createRuntime } from "../../native/index.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";

useEmulatedAddon();

const ROWS = 256;
const HIDDEN = 4;
const VOCABULARY = 32;
/** Two adapters on the head have half of the rows each; of these so many are scored. */
const SCORED = [
  [40, 40],
  [40, 40],
  [40, 40],
  [79, 1],
  [80, 0],
  [40, 40],
] as const;

const values = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (seed + 1)));

/** The losses of runs that differ in nothing but which rows are scored. */
async function lossesOf(graphs: "on" | "off"): Promise<readonly (readonly number[])[]> {
  const runtime = createRuntime();
  const device = runtime.createDevice({ kind: "cuda", name: "cuda:0", index: 0, graphs, graphRoomBytes: 2 ** 20 });
  const weight = device.loadMatrix({
    ...{ name: "head", out: VOCABULARY, in: HIDDEN, data: values(VOCABULARY * HIDDEN, 1), backward: false },
  });
  const adapters = [2, 3].map((seed) => {
    const entry = { target: 0, rank: 2, inFeatures: HIDDEN, outFeatures: VOCABULARY, scale: 1 };
    const adapter = device.createAdapter([entry], true);
    device.writeAdapter(adapter, "parameters", values(2 * (HIDDEN + VOCABULARY), seed));
    return adapter;
  });
  device.reserveArena(2 ** 18);
  device.writeArena(0, values(ROWS * HIDDEN, 4));
  const program = device.createProgram([
    {
      ...{ op: "headLoss", x: { space: "in", offset: 0 }, weight, hidden: HIDDEN, vocabulary: VOCABULARY },
      ...{ logits: { space: "work", offset: 0 }, tileRows: ROWS, target: 0, lds: 2 },
    },
  ]);
  const losses: number[][] = [];
  runtime.onComplete((done) => {
    for (const each of done) losses.push([...each.losses!]);
  });
  for (const [id, counts] of SCORED.entries()) {
    const half = ROWS / 2;
    const bounds = counts.map((_, at) => ({ rowStart: at * half, rowEnd: (at + 1) * half, lossScale: 1 }));
    const targets = Int32Array.from({ length: ROWS }, (_, row) =>
      row % half < counts[Math.floor(row / half)]! ? row % VOCABULARY : -1,
    );
    const segments = bounds.map((own, at) => ({
      ...{ ...own, adapter: adapters[at]!, dropout: 0, dropoutSeed: [0, 0] as const },
    }));
    const bindings = { rows: ROWS, sequences: Int32Array.of(0, ROWS), segments, targets };
    device.enqueueRun({ id, program, waits: [], bindings: { ...bindings, stash: 0, work: 8192, in: 0, out: 0 } });
    await runtime.idle();
  }
  return losses;
}

test("a graph of the head's launches is not taken for a run whose scored rows are elsewhere", async () => {
  expect(await lossesOf("on")).toEqual(await lossesOf("off"));
});
