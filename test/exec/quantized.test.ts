import { describe, expect, test } from "vitest";
import { decodeFloats, encodeFloats } from "../../datasets/index.ts";
import { type BaseModel, syntheticWeights } from "../../exec/index.ts";
import { someOf } from "../level.ts";
import { dequantizedModel } from "./quantized-model.ts";
import { largestLossError, losses, MIXED_CASE, outcome } from "./run-outcome.ts";
import { packsAsPlanned, runSmall, SMALL, type SmallRun, smallCase } from "./small-run.ts";

const DEVICES = someOf(["cpu:0", "cpu:0,cpu:1"] as const, { quick: 1, all: 2 });
const DTYPES = ["int8", "nf4"] as const;

/** Odd widths, biases, a head of its own; products that are dequantized in more than one part. */
const odd = smallCase([{ rank: 5, targets: ["q_proj", "gate_proj", "down_proj"] }], {
  ...SMALL,
  hiddenSize: 100,
  intermediateSize: 203,
  headDim: 20,
  numKvHeads: 1,
  vocabularySize: 101,
  qkvBias: true,
  tiedEmbeddings: false,
});
const CASES = [
  ["all projections, dropout", MIXED_CASE],
  ["odd widths and biases", odd],
] as const;

describe.each(DTYPES.flatMap((dtype) => CASES.map(([name, small]) => [dtype, name, small] as const)))(
  "a model in %s: %s",
  (dtype, _, small) => {
    test.each(DEVICES)("trains what bfloat16 does on the weights that the format keeps, on %s", async (devices) => {
      const run: SmallRun = { devices, groups: 1 };
      const quantized = await runSmall(small, { ...run, dtype });
      const model = dequantizedModel(small.model, dtype);
      const kept = await runSmall({ ...small, model }, { ...run, dtype: "bfloat16" });
      // Sums may run in another order.
      expect(largestLossError(quantized, kept)).toBeLessThan(1e-4);
      expect(losses(quantized)).not.toEqual(losses(await runSmall(small, { ...run, dtype: "bfloat16" })));
    });

    test.each(DEVICES)("gives the same bytes twice, and with recomputation, on %s", async (devices) => {
      const run: SmallRun = { devices, groups: 1, dtype };
      const first = outcome(await runSmall(small, run));
      expect(outcome(await runSmall(small, run))).toEqual(first);
      expect(outcome(await runSmall(small, { ...run, recompute: "layer" }))).toEqual(first);
    });

    test.each(DEVICES)("holds the memory that was planned on %s", async (devices) => {
      const { plan, statistics } = await runSmall(small, { devices, dtype });
      plan.memory.forEach((planned, stage) => {
        const { memory } = statistics[stage]!;
        expect(planned.weights).toBeGreaterThanOrEqual(memory.weightsBytes);
        if (packsAsPlanned(dtype)) expect(planned.total).toBe(memory.peakBytes);
      });
    });
  },
);

describe.each(DTYPES)("%s weights", (dtype) => {
  test("come out the same from bfloat16 bits as from the floats of those bits", async () => {
    const { weights } = syntheticWeights(SMALL);
    const bits = (name: string, shape: readonly number[]) => encodeFloats(weights.read(name, shape), "BF16");
    const sources: readonly BaseModel["weights"][] = [
      { read: (name, shape) => decodeFloats(bits(name, shape), "BF16"), readBfloat16: () => undefined },
      {
        read: (name, shape) => decodeFloats(bits(name, shape), "BF16"),
        readBfloat16: (name, shape) => new Uint16Array(bits(name, shape).buffer),
      },
    ];
    const [floats, stored] = await Promise.all(
      sources.map(async (source) =>
        outcome(
          await runSmall(
            { ...MIXED_CASE, model: { architecture: SMALL, weights: source } },
            { devices: "cpu:0", dtype },
          ),
        ),
      ),
    );
    expect(stored).toEqual(floats);
  });
});
