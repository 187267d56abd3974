import { expect, it } from "vitest";
import { sum } from "../../core/index.ts";
import { architectureFromConfig, huggingFaceConfigSchema, PRESETS, productSeconds } from "../../plan/index.ts";
import type { Accelerator, TrainingStep, TrainingSystem } from "../../studies/index.ts";
import { StepPredictor } from "../../studies/index.ts";
import { type StepFit, trainingStepSeconds } from "../../studies/observations/training-step.ts";

const FAST: Accelerator = {
  ...{ name: "fast", generation: "one" },
  flops: { bfloat16: 1e15, float8: 2e15, float4: 4e15 },
  kernels: {
    products: {
      ...{ multiprocessors: 128, computeShare: 0.75, squareTile: 1, memoryShare: 0.8, seconds: 3e-6, powerLoss: 0.1 },
    },
    attention: {
      computeShares: { "64": 0.45, "128": 0.6, "256": 0.65 },
      ...{ halfSpeedTokens: 1000, emptyWave: 0.3, seconds: 1e-5 },
    },
    ...{ collectives: undefined, memoryBoundSpeed: 1, source: "measured", of: "fast" },
  },
  losses: { sustained: 0.9, activationBytes: 9, adapterBytes: 7, headBytes: 47 },
  ...{ memoryBytesPerSecond: 4e12, linkBytesPerSecond: 4e11, float8Attention: 1, networkBytesPerSecond: 5e10 },
};

const SYSTEM: TrainingSystem = {
  accelerator: FAST,
  architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-70b"])),
  ...{
    trainedParameters: 44.6e6,
    accelerators: 8,
    tensorParallel: 1,
    contextParallel: 1,
    contextExchange: "ring",
    pipelineParallel: 1,
  },
  ...{ tokens: 8192, accumulation: 1, precision: "float8", recomputedLayers: 0, isSharded: false },
  ...{ hasGraphs: true, overlaps: false, scaleUp: 8 },
};

const FIT: StepFit = {
  ...{ float8Share: 0.8, float4Share: 0.7, hostSeconds: 4e-3, ringSeconds: 3e-4 },
  ...{ generations: {}, releases: { old: 1.2 } },
};

const seconds = (more: Partial<TrainingSystem> = {}, release = "new", fit = FIT): number =>
  trainingStepSeconds({ ...SYSTEM, ...more }, release, fit);

it("a step takes its products, attention, activations and head, added up by hand", () => {
  const { products, attention } = FAST.kernels;
  const product = (powerLoss: number, ...shapes: readonly (readonly [number, number, number])[]): number =>
    sum(
      shapes.map((shape) =>
        productSeconds({ ...products, powerLoss }, { flopsPerSecond: 0.9e15, bytesPerSecond: 4e12 }, [
          8192,
          shape[1],
          shape[2],
        ]),
      ),
    );
  // q, k and v together, o, gate and up together, down; forward, then with inputs and outputs exchanged.
  const forward = product(0, [0, 10240, 8192], [0, 8192, 8192], [0, 57344, 8192], [0, 8192, 28672]);
  const backward = product(0, [0, 8192, 10240], [0, 8192, 8192], [0, 8192, 57344], [0, 28672, 8192]);
  const attended = (3.8 * 2 * 8192 * (8192 + attention.halfSpeedTokens) * 8192) / (1e15 * 0.9 * 0.6);
  const adapted = 2 * (8192 + 8192) + 2 * (8192 + 1024) + 3 * (8192 + 28672);
  const activations = (8192 * (2 * 9 * (8 * 8192 + 3 * 28672) + 2.5 * 7 * adapted)) / 4e12;
  const head = product(0.1, [0, 32000, 8192], [0, 8192, 32000]) + (47 * 8192 * 32000) / 4e12;
  // Each of eight sends all parts but its own, twice.
  const reduced = (2 * (7 / 8) * 4 * 44.6e6) / (0.7 * 4e11);
  const expected = 80 * ((forward + backward) / (0.8 * 2) + attended + activations + 2 * 1e-4) + head + reduced + 0.01;
  expect(seconds()).toBeCloseTo(expected, 10);
});

it("full training adds gradients of weights and an update of all of them, and what is summed hides behind backwards", () => {
  const all = 69e9;
  const adapters = { accelerators: 1, trainedParameters: all, precision: "bfloat16" } as const;
  const one = { ...adapters, isFull: true } as const;
  const added = seconds(one) - seconds(adapters);
  // As many operations as a forward, and no adapters; 30 bytes of each parameter in the update.
  expect(added).toBeGreaterThan((2 * 8192 * all) / 1e15 + (30 * all) / 4e12 - 0.3);
  expect(seconds({ ...one, accelerators: 8 })).toBeLessThan(seconds(one));
  expect(seconds({ ...one, accelerators: 64 })).toBeGreaterThan(seconds({ ...one, accelerators: 8 }) - 0.1);
});

it("more of what costs time never takes less of it", () => {
  const base = seconds();
  const { products } = FAST.kernels;
  const kernels = { ...FAST.kernels, products: { ...products, computeShare: 0.5 } };
  expect(seconds({ accelerator: { ...FAST, kernels } })).toBeGreaterThan(base);
  expect(seconds({ targets: ["q_proj"] })).toBeLessThan(base);
  expect(seconds({ recomputedLayers: 20 })).toBeGreaterThan(base);
  expect(seconds({ hasGraphs: false })).toBeGreaterThan(base);
  expect(seconds({ accelerators: 1024 })).toBeGreaterThan(base);
  expect(seconds({ accumulation: 2 })).toBeGreaterThan(1.9 * base);
  expect(seconds({ precision: "float4" })).toBeLessThan(base);
  expect(seconds({ precision: "bfloat16" })).toBeGreaterThan(base);
  expect(seconds({}, "old") / base).toBeGreaterThan(1.15);
  const split = seconds({ tensorParallel: 4 });
  expect(split).toBeLessThan(base);
  expect(seconds({ tensorParallel: 4, overlaps: true })).toBeLessThan(split);
  expect(seconds({ contextParallel: 4, contextExchange: "all-to-all" })).toBeLessThan(base);
  // Weights of 138 GB, three times over one slow port.
  const slow = { ...FAST, networkBytesPerSecond: 1e9 };
  expect(seconds({ isSharded: true, accelerators: 64, accelerator: slow })).toBeGreaterThan(50);
});

/** Steps of a hidden truth with noise of a percent. */
function measured(): readonly TrainingStep[] {
  const truth: StepFit = { ...FIT, float8Share: 0.5, generations: { two: 0.8 }, releases: { old: 1.1 } };
  const steps: TrainingStep[] = [];
  for (const generation of ["one", "two"])
    for (const tensorParallel of [1, 2, 4])
      for (const release of ["new", "old"])
        for (const watts of [700, 1000]) {
          const accelerator = { ...FAST, name: `${generation} ${watts}`, generation, watts };
          const system = { ...SYSTEM, accelerator, tensorParallel };
          const name = `${accelerator.name} ${tensorParallel} ${release}`;
          const noise = 1 + 0.01 * Math.sin(steps.length * 7);
          const facts = { isDoubtful: false, isOwnSoftware: false };
          steps.push({
            ...{ name, group: name, release, system, ...facts },
            seconds: noise * trainingStepSeconds(system, release, truth),
          });
        }
  return steps;
}

it("the values behind measured steps are found, and intervals are wider for what is new", () => {
  const steps = measured();
  const setting = { referenceGenerations: ["one"], knownReleases: { new: 1 } };
  const predictor = new StepPredictor(steps, setting);
  const { fit, numFitted } = predictor.fitted;
  expect(numFitted).toBe(6);
  expect(fit.float8Share).toBeCloseTo(0.5, 1);
  expect(fit.generations["two"]).toBeCloseTo(0.8, 1);
  expect(fit.releases["old"]).toBeCloseTo(1.1, 1);
  const known = predictor.corrected(steps[3]!);
  expect(Math.abs(known.predicted / known.measured - 1)).toBeLessThan(0.02);
  const widthOf = (step: TrainingStep): number => {
    const { low, high } = predictor.corrected(step);
    return high / low;
  };
  const { system } = steps[3]!;
  const other = (changes: Partial<Accelerator>): TrainingStep => ({
    ...{ ...steps[3]!, name: "other", group: "other" },
    system: { ...system, accelerator: { ...system.accelerator, ...changes } },
  });
  const widths = [steps[3]!, other({}), other({ name: "new" }), other({ name: "new", generation: "three" })].map(
    widthOf,
  );
  expect(widths).toEqual([...widths].sort((a, b) => a - b));
  expect(new Set(widths).size).toBe(4);
  expect(widths.at(-1)).toBeGreaterThan(1.5);
});
