import { maximum, sum } from "../../core/index.ts";
import { type Dtype, type Plan, type Projection, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { measurePeaks, registerPeak } from "../machine.ts";
import { type Measurement, type Parameters, summarize } from "../measurement.ts";
import { hasPeft, PEFT_WAYS, type PeftWay, peftVersions, startPeft } from "../peft.ts";
import { ceilingSeconds, measureAloneRates } from "../practical-ceiling.ts";
import { STEP_PARTS, type StepPart, stepBreakdown } from "../step-breakdown.ts";
import type { StepProcess } from "../step-process.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { hasTorch, startTorch, type TorchSettings, type TorchWork, torchCandidates, torchVersions } from "../torch.ts";
import { acceptedDtypes, benchModel, peakBytes, plannedBytes, roundSeconds, starvedShare, train } from "../train.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL, type ModelShape, multipliedParameters } from "../workload.ts";

const THREADS = 2;
const RANKS: readonly number[] = [16, 16, 16, 16];

interface Sizes {
  readonly batchSize: number;
  readonly length: number;
  readonly runs: number;
  readonly steps: number;
}

const SIZES: Readonly<Record<Scale, Sizes>> = {
  full: { batchSize: 4, length: 256, runs: 5, steps: 3 },
  default: { batchSize: 2, length: 256, runs: 3, steps: 2 },
  quick: { batchSize: 2, length: 256, runs: 2, steps: 3 },
  tiny: { batchSize: 2, length: 16, runs: 1, steps: 2 },
};

interface Variant {
  readonly name: string;
  readonly model: ModelShape;
  readonly targets: readonly Projection[];
  /** Where others than those of the scale. */
  readonly sizes?: Sizes;
}

/** Published models of other families with a quarter of their layers, which are alike; heads and widths are theirs. */
const FAMILIES: readonly Variant[] = [
  {
    name: "Qwen3 0.6B, 7 of 28 layers",
    model: {
      ...{ hidden: 1024, layers: 7, heads: 16, kvHeads: 8, headDim: 128, intermediate: 3072, vocabulary: 151_936 },
      family: { model_type: "qwen3", rope_theta: 1e6, max_position_embeddings: 40_960, rms_norm_eps: 1e-6 },
    },
    targets: UNFUSED_PROJECTIONS,
    sizes: { batchSize: 1, length: 256, runs: 3, steps: 2 },
  },
  {
    name: "Gemma 3 1B, 6 of 26 layers",
    model: {
      ...{ hidden: 1152, layers: 6, heads: 4, kvHeads: 1, headDim: 256, intermediate: 6912, vocabulary: 262_144 },
      family: { model_type: "gemma3_text", sliding_window: 512, query_pre_attn_scalar: 256, rms_norm_eps: 1e-6 },
    },
    targets: UNFUSED_PROJECTIONS,
    sizes: { batchSize: 1, length: 256, runs: 3, steps: 2 },
  },
];

function sizesOf({ sizes }: Variant, scale: Scale): Sizes {
  return sizes ?? SIZES[scale];
}

function variants(scale: Scale): readonly Variant[] {
  const model = MODEL[scale];
  const grouped = { ...model, kvHeads: Math.max(1, Math.round(model.heads / 3)) };
  const both = [
    { name: "q, k, v, o", model, targets: ATTENTION_TARGETS },
    { name: "all seven projections", model, targets: UNFUSED_PROJECTIONS },
  ];
  if (scale === "default") return both;
  const all = [...both, { name: "q, k, v, o; grouped queries", model: grouped, targets: ATTENTION_TARGETS }];
  return scale === "full" ? [...all, ...FAMILIES] : all;
}

function workOf(variant: Variant, scale: Scale): TorchWork {
  const { batchSize, length } = sizesOf(variant, scale);
  return { model: variant.model, ranks: RANKS, targets: variant.targets, batchSize, length };
}

function tokensOf(variant: Variant, scale: Scale): number {
  const { batchSize, length } = sizesOf(variant, scale);
  return RANKS.length * batchSize * length;
}

const PYTORCH_SETTINGS = "PyTorch's settings";

/** The best of two steps of each setting after a warm one, since whatever else runs only slows them. */
async function trySettings(bench: Bench): Promise<void> {
  // One sequence of each job tells the settings apart as well as several.
  const work = {
    ...workOf(variants(bench.scale)[0]!, bench.scale),
    ...(bench.scale === "full" ? {} : { batchSize: 1 }),
  };
  const tokens = RANKS.length * work.batchSize * work.length;
  for (const settings of torchCandidates()) {
    await using torch = await startTorch(work, settings);
    const seconds = Math.min((await torch.step()).seconds, (await torch.step()).seconds);
    const value = tokens / seconds;
    bench.record({
      name: PYTORCH_SETTINGS,
      parameters: { ...settings },
      value,
      unit: "tokens/s",
      repetitions: 2,
      spread: null,
    });
  }
}

/** The fastest settings of those tried; the usual ones where none were. */
function fastestSettings(measured: readonly Measurement[]): TorchSettings {
  const [first, ...others] = measured.filter(({ name }) => name === PYTORCH_SETTINGS);
  if (first === undefined) return torchCandidates()[0]!;
  const { parameters } = others.reduce((best, each) => (each.value > best.value ? each : best), first);
  return torchCandidates().find((settings) =>
    Object.entries(settings).every(([key, value]) => parameters[key] === value),
  )!;
}

interface OurRun {
  readonly plan: Plan;
  readonly seconds: number;
  readonly starved: number;
  readonly peakBytes: number;
}

function ourPlan(variant: Variant, dtype: Dtype, scale: Scale): Plan {
  const { model, targets } = variant;
  const { batchSize, length, steps } = sizesOf(variant, scale);
  const jobs = RANKS.map((rank) => ({ rank, targets, batchSize, microBatchSize: 1, length, steps }));
  return benchPlan({ model, dtype, jobs, devices: [THREADS], groups: 1 });
}

async function ourRun(variant: Variant, dtype: Dtype, scale: Scale): Promise<OurRun> {
  const plan = ourPlan(variant, dtype, scale);
  const result = await train(plan, benchModel(plan.model.architecture));
  return {
    plan,
    seconds: roundSeconds(plan, result.trace),
    starved: starvedShare(result),
    peakBytes: peakBytes(result),
  };
}

/** What others take for the same step. */
interface Contender {
  /** As its measurements are named. */
  readonly name: string;
  readonly process: StepProcess;
  readonly seconds: number[];
}

/**
 * Ours and the others' steps in turn, the last one first every other time, and the register peak beside each turn.
 * Returns the largest of these peaks, of which the shares are.
 */
async function measure(bench: Bench, variant: Variant, dtype: Dtype, others: readonly Contender[]): Promise<number> {
  const { scale } = bench;
  const runs: OurRun[] = [];
  const peaks: number[] = [];
  for (let run = 0; run < sizesOf(variant, scale).runs; run += 1) {
    const turns = [
      async () => void runs.push(await ourRun(variant, dtype, scale)),
      ...others.map(
        ({ process, seconds }) =>
          async () =>
            void seconds.push((await process.step()).seconds),
      ),
    ];
    for (const turn of run % 2 === 0 ? turns : turns.reverse()) await turn();
    peaks.push(registerPeak(await measurePeaks(bench, THREADS), dtype, THREADS));
  }
  const registers = maximum(peaks);
  const tokens = tokensOf(variant, scale);
  const flops = 4 * multipliedParameters(variant.model) * tokens;
  const parameters: Parameters = { variant: variant.name, dtype };
  const record = (name: string, values: readonly number[], unit: string, share?: readonly number[]): void =>
    bench.record({
      name,
      parameters,
      unit,
      ...summarize(values),
      ...(share === undefined ? {} : { limit: { of: "register peak", share: summarize(share).value } }),
    });
  const seconds = runs.map((run) => run.seconds);
  record(
    "loratwin",
    seconds.map((each) => tokens / each),
    "tokens/s",
  );
  const { plan } = runs[0]!;
  const ceiling = ceilingSeconds(plan, await measureAloneRates(plan, THREADS), registers);
  bench.record({
    name: "practical ceiling",
    parameters,
    value: tokens / ceiling,
    unit: "tokens/s",
    limit: { of: "it reached", share: ceiling / summarize(seconds).value },
    repetitions: 1,
    spread: null,
  });
  record(
    "model arithmetic",
    seconds.map((each) => flops / each / 1e9),
    "GFLOP/s",
    seconds.map((each) => flops / each / registers),
  );
  for (const other of others) {
    record(
      other.name,
      other.seconds.map((each) => tokens / each),
      "tokens/s",
    );
    record(
      `against ${other.name}`,
      seconds.map((each, run) => other.seconds[run]! / each),
      "ratio",
    );
  }
  const torch = others.find(({ name }) => name === TORCH);
  if (torch !== undefined)
    record(
      `ceiling against ${TORCH}`,
      torch.seconds.map((each) => each / ceiling),
      "ratio",
    );
  const starved = maximum(runs.map((run) => run.starved));
  const largest = { parameters, repetitions: runs.length, spread: null };
  bench.record({ ...largest, name: "waiting for JavaScript", unit: "share", value: starved });
  const planned = plannedBytes(plan);
  const peak = maximum(runs.map((run) => run.peakBytes));
  bench.record({
    ...largest,
    name: "peak memory",
    unit: "B",
    value: peak,
    limit: { of: "plan", share: peak / planned },
  });
  return registers;
}

/** Where a step's time goes, next to what its products would take at the register peak. */
async function measureParts(bench: Bench, variant: Variant, dtype: Dtype, registers: number): Promise<void> {
  const plan = ourPlan(variant, dtype, bench.scale);
  const parts = stepBreakdown(plan, await train(plan, benchModel(plan.model.architecture), true));
  const whole = sum(Object.values(parts));
  const { hidden, vocabulary } = variant.model;
  const parameters = multipliedParameters(variant.model);
  const ofParts: Partial<Record<StepPart, number>> = {
    "base products": parameters - hidden * vocabulary,
    "head and loss": hidden * vocabulary,
  };
  for (const part of STEP_PARTS) {
    const one = { parameters: { variant: variant.name, dtype, part }, repetitions: 1, spread: null };
    const least = (4 * (ofParts[part] ?? 0) * tokensOf(variant, bench.scale)) / registers;
    const limit = { of: "register peak", share: least / parts[part] };
    bench.record({ ...one, name: "time", value: parts[part], unit: "s", ...(least > 0 ? { limit } : {}) });
    bench.record({ ...one, name: "of the step", value: parts[part] / whole, unit: "share" });
  }
}

const TORCH = "PyTorch";

/** Adds those that are there as they have started, with the same weights' dtype and as many threads. */
async function startOthers(
  { measured, scale }: Bench,
  variant: Variant,
  dtype: Dtype,
  { torch, peft }: Present,
  others: Contender[],
): Promise<void> {
  const work = workOf(variant, scale);
  // PyTorch's script has a Llama's layers.
  if (torch && variant.model.family === undefined)
    others.push({ name: TORCH, process: await startTorch(work, fastestSettings(measured)), seconds: [] });
  if (!peft) return;
  for (const [way, name] of Object.entries(PEFT_WAYS))
    others.push({ name, process: await startPeft(work, way as PeftWay, dtype, THREADS), seconds: [] });
}

/** Which libraries there are to compare with. */
interface Present {
  readonly torch: boolean;
  readonly peft: boolean;
}

/** On two slow cores in fp32: ours, PyTorch's, and PEFT's in either way. */
const SLOW_TOKENS_PER_SECOND = { ours: 440, torch: 280, peft: 230 };

function secondsOf(variant: Variant, scale: Scale, dtype: Dtype, { torch, peft }: Present): number {
  const { runs, steps } = sizesOf(variant, scale);
  const larger = multipliedParameters(variant.model) / multipliedParameters(MODEL[scale]);
  const tokens = larger * (runs + 1) * tokensOf(variant, scale);
  const ours = (steps * tokens) / SLOW_TOKENS_PER_SECOND.ours;
  const theirs = torch ? tokens / SLOW_TOKENS_PER_SECOND.torch : 0;
  const ways = peft ? (2 * tokens) / SLOW_TOKENS_PER_SECOND.peft : 0;
  return 15 + (dtype === "float32" ? 1 : 0.5) * (ours + ways) + theirs;
}

export const training: Suite = {
  describe: "steps of 4 jobs on one device of 2 threads against PyTorch, PEFT and Trainer in turn; share of the peak",
  versions: () => ({ ...torchVersions(), ...peftVersions() }),
  async cases({ scale, note }) {
    const present: Present = { torch: hasTorch(note), peft: hasPeft(note) };
    const dtypes = await acceptedDtypes();
    const measured = variants(scale).flatMap((variant) =>
      dtypes.map(
        (dtype): Case => ({
          name: `${variant.name}, ${dtype}`,
          seconds: secondsOf(variant, scale, dtype, present),
          async run(bench) {
            const others: Contender[] = [];
            try {
              await startOthers(bench, variant, dtype, present, others);
              const registers = await measure(bench, variant, dtype, others);
              await measureParts(bench, variant, dtype, registers);
            } finally {
              for (const { process } of others) await process[Symbol.asyncDispose]();
            }
          },
        }),
      ),
    );
    const settings: Case = {
      name: PYTORCH_SETTINGS,
      seconds: scale === "full" ? 300 : 90,
      isNeeded: true,
      run: trySettings,
    };
    return present.torch ? [settings, ...measured] : measured;
  },
};
