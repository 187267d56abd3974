import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { decodeFloats, encodeFloats, initModel, readSafetensors } from "../../datasets/index.ts";
import { type BaseModel, openModelFolder, syntheticWeights } from "../../exec/index.ts";
import { someOf } from "../level.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type CaseRun, planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";
import { largestLossError, MIXED_CASE, outcome } from "./run-outcome.ts";
import { expectPlannedRoom, runSmall, SMALL, type SmallRun, smallCase } from "./small-run.ts";

const DEVICES = ["cpu:0", "cpu:0,cpu:1"] as const;
const HALF = { dtype: "bfloat16" } as const;

/** Odd widths, biases, a head of its own. */
const odd = smallCase([{ rank: 5, targets: ["q_proj", "gate_proj", "down_proj"] }], {
  ...SMALL,
  hiddenSize: 36,
  intermediateSize: 55,
  headDim: 6,
  numKvHeads: 1,
  vocabularySize: 101,
  qkvBias: true,
  tiedEmbeddings: false,
});

/**
 * A weight or an activation keeps 8 bits: a relative error of at most 2^-8 = 0.4 % in each, of random sign in sums.
 * AdamW's first steps have the gradient's sign, so an adapter whose gradients are near zero moves another way in
 * places; its distance says that, not its loss.
 */
const LOSS_BOUND = 0.01;

describe.each([
  ["all projections, dropout", MIXED_CASE],
  ["odd widths and biases", odd],
])("a model in bfloat16: %s", (_, small) => {
  test.each(DEVICES)("has losses within a hundredth of fp32's on %s", async (devices) => {
    const half = await runSmall(small, { devices, groups: 1, ...HALF });
    expect(largestLossError(half, await runSmall(small, { devices, groups: 1 }))).toBeLessThan(LOSS_BOUND);
  });

  test.each(DEVICES)("gives the same bytes twice, and with recomputation, on %s", async (devices) => {
    const run: SmallRun = { devices, groups: 1, ...HALF };
    const first = outcome(await runSmall(small, run));
    expect(outcome(await runSmall(small, run))).toEqual(first);
    expect(outcome(await runSmall(small, { ...run, recompute: "layer" }))).toEqual(first);
  });

  test.each(DEVICES)("holds the memory that was planned, less than in fp32, on %s", async (devices) => {
    for (const recompute of ["none", "layer"] as const) {
      const { plan, statistics } = await runSmall(small, { devices, recompute, ...HALF });
      const full = await runSmall(small, { devices, recompute });
      plan.memory.forEach((planned, stage) => {
        const { memory } = statistics[stage]!;
        expectPlannedRoom(plan, planned, statistics[stage]!);
        expect(planned.weights).toBeGreaterThanOrEqual(memory.weightsBytes);
        expect(planned.activations).toBeLessThan(full.plan.memory[stage]!.activations);
      });
    }
  });

  test("trains on two devices nearly what it trains on one: messages are rounded", async () => {
    const [one, two] = [
      await runSmall(small, { devices: "cpu:0", groups: 1, ...HALF }),
      await runSmall(small, { devices: "cpu:0,cpu:1", groups: 1, ...HALF }),
    ];
    expect(outcome(two)).not.toEqual(outcome(one));
    expect(largestLossError(two, one)).toBeLessThan(LOSS_BOUND);
  });
});

describe("bfloat16 weights", () => {
  test("go to the device as they are stored, the same as when floats are rounded on the way", async () => {
    const { weights } = syntheticWeights(SMALL);
    const rounded: BaseModel["weights"] = {
      read: (name, shape) => decodeFloats(encodeFloats(weights.read(name, shape), "BF16"), "BF16"),
      readBfloat16: () => undefined,
    };
    const stored: BaseModel["weights"] = {
      ...rounded,
      readBfloat16: (name, shape) => new Uint16Array(encodeFloats(weights.read(name, shape), "BF16").buffer),
    };
    const mixed: BaseModel["weights"] = {
      ...stored,
      readBfloat16: (name, shape) => (name.includes("k_proj") ? undefined : stored.readBfloat16(name, shape)),
    };
    const [first, ...others] = await Promise.all(
      [weights, rounded, stored, mixed].map(async (source) => {
        const model = { architecture: SMALL, weights: { ...source, readBfloat16: source.readBfloat16 } };
        return outcome(await runSmall({ ...MIXED_CASE, model }, { devices: "cpu:0", ...HALF }));
      }),
    );
    // Norms are fp32 on a device, so the first differs from the others in those of the unrounded model.
    expect(others[1]).toEqual(others[0]);
    expect(others[2]).toEqual(others[0]);
    expect(first).not.toEqual(others[0]);
  });

  test("are read from a checkpoint as bits, and from one of another type as floats", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "loratwin-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const name = "model.layers.0.self_attn.q_proj.weight";
    const [half, full] = (["bfloat16", "float32"] as const).map((dtype) => {
      const own = path.join(folder, dtype);
      initModel({ folder: own, hiddenSize: 16, layers: 1, heads: 2, seed: 1, dtype });
      return { own, weights: openModelFolder(own).weights };
    });
    const bits = half!.weights.readBfloat16(name, [16, 16])!;
    const bytes = readSafetensors(half!.own).readBytes(name);
    expect(new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength)).toEqual(new Uint8Array(bytes));
    expect(full!.weights.readBfloat16(name, [16, 16])).toBeUndefined();
    expect(() => half!.weights.readBfloat16(name, [16, 8])).toThrow("shape [16, 8]");
  });
});

describe.skipIf(!HAS_SHARED)("the PyTorch reference case in bfloat16", () => {
  const runs: readonly CaseRun[] = [
    { devices: "cpu:0", groups: 1 },
    { devices: "cpu:0,cpu:1", groups: 1, recompute: "layer" },
    { devices: "cpu:0", groups: "unfused" },
  ];

  test.each(someOf(runs, { quick: 1, all: 2 }))(
    "has nearly the fp32 reference's losses, norms and adapters on $devices, groups $groups, recompute $recompute",
    async (run) => {
      const oracle = readOracleCase();
      const result = await runCase(oracle, planCase(oracle, { ...run, ...HALF }));
      oracle.jobs.forEach((job, i) => {
        const { history, adapter } = oracle.expected[i]!;
        const steps = result.metrics.filter((row) => row.job === job.name);
        expect(steps.length).toBe(history.length);
        const lossErrors = steps.map((row, step) => Math.abs(row.loss / history[step]!.loss - 1));
        const normErrors = steps.map((row, step) => Math.abs(row.gradNorm / history[step]!.grad_norm - 1));
        expect(Math.max(...lossErrors)).toBeLessThan(LOSS_BOUND);
        expect(Math.max(...normErrors)).toBeLessThan(0.02);
        expect(relativeDistance(result.adapters[i]!, adapter)).toBeLessThan(0.03);
      });
    },
  );
});
