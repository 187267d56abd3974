import { multipliedParameters } from "../../bench/workload.ts";
import { packageFile } from "../../cli/package-file.ts";
import { median } from "../../core/index.ts";
import { addonFile } from "../places.ts";
import { Failed, type Stage, type StageContext } from "../stage.ts";
import { TOKENS_PER_STEP, TRAINING_SHAPES, TRAINING_WORK, type TrainingShape } from "../training-shapes.ts";

const STEPS = 6;

/** Tokens a second by mode; and the rate of a large product in the same process. */
interface TorchRates {
  readonly tokensPerSecond: Map<string, number>;
  peakFlopsPerSecond?: number;
}

async function runTorch(context: StageContext, shape: TrainingShape): Promise<TorchRates> {
  const { hidden, layers, heads, kvHeads, intermediate, vocabulary } = TRAINING_SHAPES[shape];
  const { ranks, targets, batchSize, length } = TRAINING_WORK;
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
        const tokensPerSecond = TOKENS_PER_STEP / stepSeconds;
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

/** @returns the tokens a second of the fused run, `undefined` when it failed. */
async function runOurs(context: StageContext, shape: TrainingShape): Promise<number | undefined> {
  let fused: number | undefined;
  await context.run(
    process.execPath,
    [packageFile("dist", "gpu", "train-benchmark.js"), shape, String(STEPS), "cuda:0"],
    {
      env: { LORATWIN_ADDON: addonFile(context.mode) },
      onResult(line) {
        context.record({ by: "loratwin", ...line });
        if (line["mode"] === "fused") fused = line["tokensPerSecond"] as number | undefined;
      },
    },
  );
  return fused;
}

export const training: Stage = {
  describe: "training against PyTorch on this card: bfloat16, 4 adapters on a 1B and a 7B shape",
  limitSeconds: 200,
  async run(context) {
    const failed: string[] = [];
    for (const shape of ["1B", "7B"] as const) {
      const torch = await runTorch(context, shape);
      const ours = await runOurs(context, shape);
      if (ours === undefined) {
        failed.push(shape);
        continue;
      }
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
    if (failed.length > 0) throw new Failed(`loratwin did not train ${failed.join(" and ")}; its line says why.`);
  },
};
