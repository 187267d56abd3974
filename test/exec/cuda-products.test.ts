import { beforeAll, describe, expect, test } from "vitest";
import { rangeOfPlan } from "../../calibration/index.ts";
import { calibratedElsewhere } from "../../exec/calibrated-elsewhere.ts";
import { type ExecuteResult, executePlan } from "../../exec/index.ts";
import type { ProductChoices } from "../../native/index.ts";
import { calibrationSchema, type MeasuredCalibration } from "../../plan/index.ts";
import { calibrateDevices } from "../../workbench/machine/calibrate-devices.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { adapterBytes, planSmall, SMALL, smallCase, TWO_JOBS } from "./small-run.ts";

const LIBRARY = "emulated products 1.0.0";
const given = smallCase(TWO_JOBS);
let calibration: MeasuredCalibration;

// The emulation has two ways of each product, of 16 and of 8 sums, whose bytes differ.
const WAYS = [16, 8].map((first) => first.toString(16).padStart(16, "0").padEnd(128, "0"));

useEmulatedAddon();
beforeAll(async () => {
  const range = rangeOfPlan(planSmall(given, { devices: "cuda:0" }));
  calibration = await calibrateDevices([{ range, model: given.model }], "2026-01-01", () => {});
}, 900_000);

/** Trains with a calibration that has these ways of products. */
async function train(products: ProductChoices | undefined, hooks: object = {}): Promise<ExecuteResult> {
  const plan = planSmall(given, { devices: "cuda:0" });
  const { products: _, ...others } = calibration;
  return executePlan({
    plan: { ...plan, calibration: calibrationSchema.parse({ ...others, products }) },
    model: given.model,
    rows: given.data,
    start: given.start,
    versions: {},
    ...hooks,
  });
}

const bytesOf = async (products: ProductChoices | undefined) => (await train(products)).adapters.map(adapterBytes);

describe("the ways of a GPU's products", () => {
  test("are measured by a calibration, each product once at each number of rows", () => {
    const { library, choices } = calibration.products!;
    expect(library).toBe(LIBRARY);
    for (const { algorithm, dtype, outDtype, rows } of choices) {
      expect(WAYS).toContain(algorithm);
      expect([dtype, outDtype]).toEqual(["float32", "float32"]);
      expect(rows).toBeGreaterThan(0);
    }
    const products = choices.map(({ algorithm: _, ...product }) => JSON.stringify(product));
    expect(new Set(products).size).toBe(products.length);
    const { hiddenSize, intermediateSize, vocabularySize } = SMALL;
    const count = (backward: boolean, adds: boolean, out: number, inFeatures: number): number =>
      choices.filter(
        (each) => each.backward === backward && each.adds === adds && each.out === out && each.in === inFeatures,
      ).length;
    // Forward and backward of gate and up, the MLP's end onto the residual, and the head.
    for (const backward of [false, true]) {
      expect(count(backward, false, 2 * intermediateSize, hiddenSize)).toBeGreaterThan(1);
      expect(count(backward, false, vocabularySize, hiddenSize)).toBeGreaterThan(0);
    }
    expect(count(false, true, hiddenSize, intermediateSize)).toBeGreaterThan(1);
  });

  test("that are known are not measured again", { tags: ["slow"] }, async () => {
    const { products } = await train(undefined, { measureProducts: { known: undefined } });
    const turned = products!.choices.map((choice) => ({ ...choice, algorithm: WAYS[1]! }));
    const known = { library: LIBRARY, choices: turned };
    expect((await train(undefined, { measureProducts: { known } })).products).toEqual(known);
  });

  test("are the calibration's, so that the same calibration gives the same bytes", { tags: ["slow"] }, async () => {
    const all = (algorithm: string): ProductChoices => ({
      library: LIBRARY,
      choices: calibration.products!.choices.map((choice) => ({ ...choice, algorithm })),
    });
    const [without, first, second] = [
      await bytesOf(undefined),
      await bytesOf(all(WAYS[0]!)),
      await bytesOf(all(WAYS[1]!)),
    ];
    expect(first).toEqual(without);
    expect(second).not.toEqual(without);
    expect(await bytesOf(all(WAYS[1]!))).toEqual(second);
    // Another version has other words.
    expect(await bytesOf({ ...all(WAYS[1]!), library: "emulated products 2.0.0" })).toEqual(without);
  });

  test("of another library than this machine's are told", () => {
    expect(calibratedElsewhere({ calibration })).toEqual([]);
    const products = { ...calibration.products!, library: "cuBLASLt 13.1.0" };
    expect(calibratedElsewhere({ calibration: { ...calibration, products } })).toEqual([
      `products were calibrated with cuBLASLt 13.1.0 and this is ${LIBRARY}: their times and bytes may be others`,
    ]);
  });
});
