import { median, sum } from "../../core/index.ts";
import type { Dtype, Plan } from "../../plan/index.ts";
import { limitSeconds, type Rates } from "../hardware-limit.ts";
import { measureHardware, readRate } from "../machine.ts";
import { type Parameters, summarize } from "../measurement.ts";
import { operatorWork } from "../operator-rates.ts";
import type { StepProcess } from "../step-process.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { hasTorch, startTorch, torchCandidates, torchVersions } from "../torch.ts";
import { acceptedDtypes, benchModel, roundSeconds, train } from "../train.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL, type PlanShape } from "../workload.ts";

const THREADS = 2;
const JOBS = 16;
const RANKS = [4, 8, 16, 32, 64] as const;
/** Micro-batches that all jobs share are at most this long; longer rows of all jobs are more groups. */
const MOST_TOKENS = 4096;
const PRODUCTS = new Set(["qkv", "o", "gate and up", "down", "head"]);

interface Sizes {
  /** Tokens of a job's mini-batch of one sequence. */
  readonly lengths: readonly number[];
  readonly runs: number;
  readonly steps: number;
  /** Jobs from this length on, whose steps are many seconds: one after the warm one is timed. */
  readonly long: { readonly from: number; readonly runs: number };
}

const SIZES: Readonly<Record<Scale, Sizes>> = {
  full: { lengths: [16, 64, 256, 1024], runs: 5, steps: 3, long: { from: 1024, runs: 5 } },
  default: { lengths: [16, 64, 256], runs: 3, steps: 3, long: { from: 64, runs: 2 } },
  quick: { lengths: [16, 64], runs: 1, steps: 3, long: { from: 1024, runs: 1 } },
  tiny: { lengths: [8], runs: 1, steps: 2, long: { from: 1024, runs: 1 } },
};

function ranks(): readonly number[] {
  return Array.from({ length: JOBS }, (_, job) => RANKS[job % RANKS.length]!);
}

/** How many runs of how many steps there are for jobs of a length. */
function timesOf(scale: Scale, length: number): { readonly runs: number; readonly steps: number } {
  const { runs, steps, long } = SIZES[scale];
  return length < long.from ? { runs, steps } : { runs: long.runs, steps: 2 };
}

function shapeOf(scale: Scale, dtype: Dtype, length: number, fused: boolean): PlanShape {
  const { steps } = timesOf(scale, length);
  const job = { targets: ATTENTION_TARGETS, batchSize: 1, microBatchSize: 1, length, steps };
  return {
    model: MODEL[scale],
    dtype,
    jobs: ranks().map((rank) => ({ ...job, rank })),
    devices: [THREADS],
    ...(fused
      ? { groups: Math.max(1, (JOBS * length) / MOST_TOKENS), schedule: "lorapp" }
      : { schedule: "sequential" }),
  };
}

/** FLOP/s of all frozen products of a step with micro-batches of 1024 tokens. */
async function productRate(scale: Scale, dtype: Dtype): Promise<number> {
  const job = { rank: 16, targets: ATTENTION_TARGETS, batchSize: 2, microBatchSize: 1, steps: 2 };
  const length = scale === "tiny" ? 16 : 256;
  const jobs = [1, 2, 3, 4].map(() => ({ ...job, length }));
  const plan = benchPlan({ model: MODEL[scale], dtype, jobs, devices: [THREADS], groups: 1 });
  const actions = operatorWork(plan, await train(plan, benchModel(plan.model.architecture), true), 1);
  const products = actions.flatMap((action) => action.filter(({ kind }) => PRODUCTS.has(kind)));
  return sum(products.map(({ flops }) => flops)) / sum(products.map(({ seconds }) => seconds));
}

/** What the machine does at most: it bounds the case, so it is measured with it. */
async function measureRates(bench: Bench, dtype: Dtype): Promise<Rates> {
  const readBytes = readRate(await measureHardware(bench), THREADS);
  return { readBytes, flops: await productRate(bench.scale, dtype) };
}

async function seconds(plan: Plan): Promise<number> {
  return roundSeconds(plan, (await train(plan, benchModel(plan.model.architecture))).trace);
}

async function measure(bench: Bench, dtype: Dtype, length: number, torch: StepProcess | undefined): Promise<void> {
  const rates = await measureRates(bench, dtype);
  const { runs } = timesOf(bench.scale, length);
  const plans = [true, false].map((fused) => benchPlan(shapeOf(bench.scale, dtype, length, fused)));
  const times: number[][] = [[], [], []];
  for (let run = 0; run < runs; run += 1) {
    const turns = [
      async () => void times[0]!.push(await seconds(plans[0]!)),
      async () => void times[1]!.push(await seconds(plans[1]!)),
      async () => {
        if (torch !== undefined) times[2]!.push((await torch.step()).seconds);
      },
    ];
    for (const turn of run % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  const parameters: Parameters = { tokensOfJob: length, groups: plans[0]!.groups.length, dtype };
  const one = { parameters, repetitions: 1, spread: null };
  bench.record({ ...one, name: "rate of products", value: rates.flops / 1e9, unit: "GFLOP/s" });
  bench.record({ ...one, name: "read bandwidth", value: rates.readBytes / 1e9, unit: "GB/s" });
  const tokens = JOBS * length;
  ["fused", "one after another"].forEach((name, which) => {
    const limit = limitSeconds(plans[which]!, rates);
    const share = limit / median(times[which]!);
    const values = times[which]!.map((each) => tokens / each);
    bench.record({ name, parameters, ...summarize(values), unit: "tokens/s", limit: { of: "limit", share } });
  });
  const ratio = (name: string, of: readonly number[]): void => {
    const values = times[0]!.map((each, run) => of[run]! / each);
    bench.record({ name, parameters, ...summarize(values), unit: "ratio" });
  };
  ratio("fused against one after another", times[1]!);
  if (torch === undefined) return;
  const values = times[2]!.map((each) => tokens / each);
  bench.record({ name: "PyTorch", parameters, ...summarize(values), unit: "tokens/s" });
  ratio("fused against PyTorch", times[2]!);
}

/** On two slow cores in fp32: ours, and PyTorch's. */
const SLOW_TOKENS_PER_SECOND = { ours: 420, torch: 230 };

function secondsOf(scale: Scale, dtype: Dtype, length: number): number {
  const { runs, steps } = timesOf(scale, length);
  const tokens = JOBS * length;
  const ours = (2 * runs * steps * tokens) / SLOW_TOKENS_PER_SECOND.ours;
  const torch = ((runs + 1) * tokens) / SLOW_TOKENS_PER_SECOND.torch;
  return 30 + (dtype === "float32" ? 1 : 0.5) * ours + torch;
}

export const adapters: Suite = {
  describe: "16 small jobs of mixed ranks: fused, one after another, in PyTorch, and the least time possible",
  versions: torchVersions,
  async cases({ scale, note }) {
    const isCompared = hasTorch(note);
    const dtypes = await acceptedDtypes();
    return SIZES[scale].lengths.flatMap((length) =>
      dtypes.map(
        (dtype): Case => ({
          name: `${length} tokens a job, ${dtype}`,
          seconds: secondsOf(scale, dtype, length),
          async run(bench) {
            const work = { model: MODEL[scale], ranks: ranks(), targets: ATTENTION_TARGETS, batchSize: 1, length };
            // The settings that the training suite finds fastest for one adapter after another.
            await using torch = isCompared ? await startTorch(work, torchCandidates()[0]!) : undefined;
            await measure(bench, dtype, length, torch);
          },
        }),
      ),
    );
  },
};
