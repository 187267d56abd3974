import { sum } from "../../core/index.ts";
import { computeDtype, type Dtype, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { copyRate, largerOf, measureHardware, registerPeak } from "../machine.ts";
import { type Measurement, type Parameters, summarize } from "../measurement.ts";
import { type OperatorWork, operatorWork } from "../operator-rates.ts";
import { timeProductAlone } from "../products-alone.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { acceptedDtypes, benchModel, train } from "../train.ts";
import { benchPlan, MODEL } from "../workload.ts";

const THREADS = 2;
const WARM_STEPS = 1;
const PRODUCTS: readonly string[] = ["qkv", "o", "gate and up", "down"];
const ELEMENTWISE = ["rmsnorm", "swiglu", "rope", "embed"];
const MIXED = [4, 16, 32, 64, 8, 16, 48, 64, 4, 24, 32, 64, 8, 16, 40, 64];
const EQUAL = [16, 16, 16, 16];

/** Rates of a product by itself. */
interface Alone {
  readonly parameters: Parameters;
  readonly rates: readonly number[];
}

const ROWS: Readonly<Record<Scale, readonly number[]>> = {
  full: [256, 1024],
  default: [256, 1024],
  quick: [256, 1024],
  tiny: [32],
};
const STEPS: Readonly<Record<Scale, number>> = { full: 6, default: 4, quick: 4, tiny: 2 };

/** All projections of all adapters on one device, `rows` tokens a micro-batch; by action. */
async function measure(
  bench: Bench,
  dtype: Dtype,
  ranks: readonly number[],
  rows: number,
): Promise<readonly (readonly OperatorWork[])[]> {
  const job = { targets: UNFUSED_PROJECTIONS, batchSize: 2, microBatchSize: 1, length: rows / ranks.length };
  const plan = benchPlan({
    model: MODEL[bench.scale],
    dtype,
    jobs: ranks.map((rank) => ({ ...job, rank, steps: STEPS[bench.scale] })),
    devices: [THREADS],
    groups: 1,
  });
  const result = await train(plan, benchModel(plan.model.architecture), true);
  return operatorWork(plan, result, WARM_STEPS);
}

/** Each product by itself, operands warm: what the rates inside a step could be at most. */
async function measureAlone(bench: Bench, dtype: Dtype, rows: number): Promise<readonly Alone[]> {
  const { hidden, heads, kvHeads, intermediate, vocabulary } = MODEL[bench.scale];
  const products: Readonly<Record<string, readonly [number, number]>> = {
    qkv: [hidden, hidden + (2 * hidden * kvHeads) / heads],
    o: [hidden, hidden],
    "gate and up": [hidden, 2 * intermediate],
    down: [intermediate, hidden],
    head: [hidden, vocabulary],
  };
  const results: Alone[] = [];
  for (const [kernel, [inFeatures, outFeatures]] of Object.entries(products)) {
    const shape = { inFeatures, outFeatures, rows, dtype: computeDtype(dtype), threads: THREADS };
    const times = await timeProductAlone(shape);
    for (const direction of ["forward", "backward"] as const) {
      const rates = times[direction].map((seconds) => (2 * rows * inFeatures * outFeatures) / seconds / 1e9);
      results.push({ parameters: { product: kernel, direction, rows, dtype }, rates });
    }
  }
  return results;
}

function recordKernels(
  bench: Bench,
  hardware: readonly Measurement[],
  dtype: Dtype,
  rows: number,
  ranks: readonly number[],
  actions: readonly (readonly OperatorWork[])[],
): void {
  const peak = registerPeak(hardware, dtype, THREADS);
  const copy = copyRate(hardware, THREADS);
  const of = (letter: "F" | "B", kind: string): readonly OperatorWork[] =>
    actions.flatMap((action) => action.filter((work) => work.letter === letter && work.kind === kind));
  const recordRate = (name: string, letter: "F" | "B", kind: string, more: Parameters): void => {
    const works = of(letter, kind);
    if (works.length === 0) return;
    const rate = summarize(works.map(({ flops, seconds }) => flops / seconds / 1e9));
    const parameters = { kernel: name, direction: letter === "F" ? "forward" : "backward", rows, dtype, ...more };
    const limit = { of: "register peak", share: (rate.value * 1e9) / peak };
    bench.record({ name: "rate", parameters, ...rate, unit: "GFLOP/s", limit });
  };
  const adapters = ranks === EQUAL ? "4 of rank 16" : "16 of ranks 4 to 64";
  for (const letter of ["F", "B"] as const) {
    if (ranks === EQUAL) {
      for (const kind of PRODUCTS) recordRate(kind, letter, kind, {});
      if (letter === "F") recordRate("head, both directions", letter, "head", {});
      recordRate("attention", letter, "attention", { sequence: rows / ranks.length });
    }
    recordRate("lora", letter, "lora", { adapters });
    const ofBase = actions.flatMap((action) => {
      const lora = action.find((work) => work.letter === letter && work.kind === "lora");
      const base = sum(
        action.filter((work) => work.letter === letter && PRODUCTS.includes(work.kind)).map(({ seconds }) => seconds),
      );
      return lora === undefined ? [] : [lora.seconds / base];
    });
    const parameters = {
      kernel: "lora",
      direction: letter === "F" ? "forward" : "backward",
      rows,
      dtype,
      adapters,
    };
    bench.record({ name: "of the base products' time", parameters, ...summarize(ofBase), unit: "share" });
    if (ranks !== EQUAL) continue;
    for (const kind of ELEMENTWISE) {
      const works = of(letter, kind);
      if (works.length === 0) continue;
      const rate = summarize(works.map(({ bytes, seconds }) => bytes / seconds / 1e9));
      bench.record({
        name: "moved",
        parameters: { kernel: kind, direction: letter === "F" ? "forward" : "backward", rows, dtype },
        ...rate,
        unit: "GB/s",
        limit: { of: "a copy", share: (rate.value * 1e9) / copy },
      });
    }
  }
}

/** Products alone and every operator of a step, between two measurements of the peaks that they are shares of. */
async function measureRows(bench: Bench, dtype: Dtype, rows: number): Promise<void> {
  const before = await measureHardware(bench);
  const alone = await measureAlone(bench, dtype, rows);
  const runs = [];
  for (const ranks of [EQUAL, MIXED]) runs.push({ ranks, actions: await measure(bench, dtype, ranks, rows) });
  const hardware = largerOf(before, await measureHardware(bench));
  for (const line of hardware)
    bench.record({ ...line, parameters: { ...line.parameters, beside: `${rows} rows, ${dtype}` } });
  for (const { parameters, rates } of alone) {
    const rate = summarize(rates);
    const share = (rate.value * 1e9) / registerPeak(hardware, dtype, THREADS);
    bench.record({ name: "alone", parameters, ...rate, unit: "GFLOP/s", limit: { of: "register peak", share } });
  }
  for (const { ranks, actions } of runs) recordKernels(bench, hardware, dtype, rows, ranks, actions);
}

export const kernels: Suite = {
  describe: "peaks of the machine, and the rate of every operator inside a training step",
  async cases({ scale }) {
    return (await acceptedDtypes()).flatMap((dtype) =>
      ROWS[scale].map(
        (rows): Case => ({
          name: `${rows} rows, ${dtype}`,
          seconds: (dtype === "float32" ? 1 : 0.6) * (40 + rows / 10),
          run: (bench) => measureRows(bench, dtype, rows),
        }),
      ),
    );
  },
};
