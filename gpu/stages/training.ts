import { multipliedParameters } from "../../bench/workload.ts";
import { median } from "../../core/index.ts";
import type { CudaGraphs } from "../../exec/index.ts";
import { packageFile } from "../../files/index.ts";
import { TimeOver } from "../child.ts";
import { addonFile } from "../places.ts";
import { Failed, type Stage, type StageContext } from "../stage.ts";
import type { Mode } from "../summary.ts";
import { TRAINING_SHAPES, TRAINING_WORK, type TrainingShape, tokensPerStep } from "../training-shapes.ts";

const STEPS = 6;

/** Tokens a second by mode; and the rate of a large product in the same process. */
interface TorchRates {
  readonly tokensPerSecond: Map<string, number>;
  peakFlopsPerSecond?: number;
}

async function runTorch(context: StageContext, shape: TrainingShape): Promise<TorchRates> {
  const { hidden, layers, heads, kvHeads, intermediate, vocabulary } = TRAINING_SHAPES[shape];
  const { ranks, targets, batchSize, length } = TRAINING_WORK[shape];
  const options = {
    hidden,
    layers,
    heads,
    "kv-heads": kvHeads,
    intermediate,
    vocabulary,
    ranks: ranks.join(),
    targets: targets.join(),
    batch: batchSize,
    length,
    steps: STEPS,
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { python } = context.machine;
  if (python === undefined) {
    context.note("No Python, so nothing to compare with.");
    return { tokensPerSecond: new Map() };
  }
  const script = packageFile("bench", "baseline", "torch_cuda.py");
  const seconds = new Map<string, number[]>();
  const rates: TorchRates = { tokensPerSecond: new Map() };
  const status = await context.run(python, [script, ...words], {
    onResult(line) {
      const mode = line["mode"];
      if (typeof line["peakFlopsPerSecond"] === "number") {
        rates.peakFlopsPerSecond = line["peakFlopsPerSecond"];
        context.record({ by: "PyTorch", shape, peakFlopsPerSecond: rates.peakFlopsPerSecond });
      } else if (typeof mode === "string" && typeof line["seconds"] === "number") {
        const steps = [...(seconds.get(mode) ?? []), line["seconds"]];
        seconds.set(mode, steps);
        if (steps.length < STEPS) return;
        const stepSeconds = median(steps.slice(1));
        const tokensPerSecond = tokensPerStep(shape) / stepSeconds;
        rates.tokensPerSecond.set(mode, tokensPerSecond);
        const name = mode === "sequential" ? "one after another" : mode;
        context.record({
          by: "PyTorch",
          shape,
          mode: name,
          stepSeconds,
          tokensPerSecond,
          peakBytes: line["peakBytes"],
        });
      } else context.record({ by: "PyTorch", shape, ...line });
    },
  });
  if (status !== 0) context.note(`PyTorch on ${shape}: exit status ${status}; the log says why.`);
  return rates;
}

/** Of a fused run. */
interface OurRun {
  readonly tokensPerSecond: number;
  readonly lastLoss: number;
  readonly graphsLaunched: number;
  readonly graphsRefused: number;
}

type OurRuns = Partial<Record<CudaGraphs, OurRun>>;

/** @returns the fused runs by whether they had CUDA graphs; one that failed is missing. */
async function runOurs(context: StageContext, shape: TrainingShape): Promise<OurRuns> {
  const runs: OurRuns = {};
  await context.run(
    process.execPath,
    [packageFile("dist", "gpu", "train-benchmark.js"), shape, String(STEPS), "cuda:0"],
    {
      env: { LORATWIN_ADDON: addonFile(context.mode) },
      onResult(line) {
        context.record({ by: "loratwin", ...line });
        if (line["mode"] === "fused" && line["error"] === undefined)
          runs[line["graphs"] as CudaGraphs] = line as unknown as OurRun;
      },
    },
  );
  return runs;
}

/** Records what CUDA graphs change. @returns what is wrong. */
function compareGraphs(context: StageContext, shape: TrainingShape, { on, off }: OurRuns): string | undefined {
  if (on === undefined || off === undefined) return `${shape}: no runs with and without CUDA graphs`;
  const sameLoss = on.lastLoss === off.lastLoss;
  context.record({ shape, graphsOnAgainstOff: on.tokensPerSecond / off.tokensPerSecond, sameLoss });
  if (!sameLoss) return `${shape}: a loss of ${on.lastLoss} with CUDA graphs, ${off.lastLoss} without`;
  if (on.graphsLaunched === 0) return `${shape}: no CUDA graph was launched`;
  return on.graphsRefused === 0 ? undefined : `${shape}: ${on.graphsRefused} CUDA graphs were refused`;
}

const SHAPES: Readonly<Record<Mode, readonly TrainingShape[]>> = {
  gpu: ["1B", "7B", "tiny"],
  emulated: ["tiny"],
};

/** Trains the shape by PyTorch and records how our rate compares. */
async function compareWithTorch(context: StageContext, shape: TrainingShape, ours: number): Promise<void> {
  const torch = await runTorch(context, shape);
  const sequential = torch.tokensPerSecond.get("sequential");
  const fused = torch.tokensPerSecond.get("fused");
  const flops = 4 * multipliedParameters(TRAINING_SHAPES[shape]) * ours;
  const peak = torch.peakFlopsPerSecond;
  context.record({
    shape,
    againstOneAfterAnother: sequential === undefined ? null : ours / sequential,
    againstFused: fused === undefined ? null : ours / fused,
    modelFlopsPerSecond: flops,
    shareOfProductPeak: peak === undefined ? null : flops / peak,
  });
}

export const training: Stage = {
  describe: "4 adapters on a 1B and a 7B shape, with and without CUDA graphs, against PyTorch on this card",
  limitSeconds: 240,
  emulatedLimitSeconds: 400,
  async run(context) {
    const wrong: string[] = [];
    const rates = new Map<TrainingShape, number>();
    for (const shape of SHAPES[context.mode]) {
      const runs = await runOurs(context, shape);
      if (runs.auto === undefined) {
        wrong.push(`loratwin did not train ${shape}; its line says why`);
        continue;
      }
      rates.set(shape, runs.auto.tokensPerSecond);
      const graphs = compareGraphs(context, shape, runs);
      if (graphs !== undefined) wrong.push(graphs);
    }
    const failure = (): Failed => new Failed(`${wrong.join("; ")}.`);
    try {
      // After our own runs: where importing PyTorch takes long, the comparison is what runs out of time.
      for (const [shape, ours] of rates) if (shape !== "tiny") await compareWithTorch(context, shape, ours);
    } catch (error) {
      throw error instanceof TimeOver && wrong.length > 0 ? failure() : error;
    }
    if (wrong.length > 0) throw failure();
  },
};
