import { planAndPredict } from "../../sim/index.ts";
import { COMPARISON_TABLE, type ComparisonSchedule, comparisonStep } from "../strategies/comparison-schedules.ts";
import { fitsDevices } from "../strategies/device-needs.ts";
import type { TrainedModel } from "../strategies/platform.ts";
import { runStep } from "../strategies/step-graph.ts";
import {
  comparedPlatform,
  NUM_GPUS,
  type PaperPlatform,
  paperModel,
  paperRequest,
  STEP_LENGTHS,
} from "./paper-request.ts";
import type { PaperModel, PublishedCell } from "./published.ts";

/** Predicted seconds of one step of one job, and what the fullest device needs. */
export interface CellPrediction {
  readonly stepSeconds: number;
  readonly peakBytes: number;
  readonly fits: boolean;
}

/** Steps of two runs, whose difference is the steady state. */
const SHORT_STEPS = 4;
const LONG_STEPS = 10;

/**
 * Jobs at once in a pipeline, planned and simulated: the time in which each advances by a step, divided by the jobs.
 */
function pipelineCell(paper: PaperPlatform, model: PaperModel, adapters: number): CellPrediction {
  const [short, long] = [SHORT_STEPS, LONG_STEPS].map(
    (steps) => planAndPredict(paperRequest(paper, model, adapters, steps)).body.predicted,
  );
  const seconds = long!.makespanSeconds - short!.makespanSeconds;
  return {
    stepSeconds: seconds / (LONG_STEPS - SHORT_STEPS) / adapters,
    peakBytes: Math.max(...long!.peakMemoryBytes),
    fits: true,
  };
}

/** One job's mini-batch at once, with a strategy that is not planned. */
function comparedCell(
  paper: PaperPlatform,
  model: TrainedModel,
  schedule: ComparisonSchedule,
  { numDevices, prefetch }: { readonly numDevices: number; readonly prefetch: number },
): CellPrediction {
  const platform = comparedPlatform(paper, numDevices);
  const step = { lengths: STEP_LENGTHS, cut: { microBatchSize: STEP_LENGTHS.length } };
  const options = { overlap: true, prefetch };
  const needed = COMPARISON_TABLE[schedule].needs(platform, model, step, options);
  return {
    stepSeconds: runStep(platform, comparisonStep(schedule, platform, model, step, options)).makespanNs / 1e9,
    peakBytes: Math.max(...needed.map(({ total }) => total)),
    fits: fitsDevices(platform, needed),
  };
}

/**
 * What a system would need for a cell. 1F1B is LoRAPP with one adapter: the paper's two bars for it are the same, and
 * its runtime takes whatever can run, so that a late gradient does not hold up a forward.
 */
export function predictCell(
  paper: PaperPlatform,
  { model, system, adapters }: Pick<PublishedCell, "model" | "system" | "adapters">,
): CellPrediction {
  const trained = paperModel(model);
  switch (system) {
    case "1f1b":
    case "lorapp":
      return pipelineCell(paper, model, adapters);
    case "tp":
    case "fsdp":
      return comparedCell(paper, trained, system, { numDevices: NUM_GPUS, prefetch: 1 });
    case "peft": {
      // The base in 8 bits, dequantized to the fp32 of everything else.
      const eightBit = { ...trained, dtype: "int8", compute: "float32", recompute: "layer" } as const;
      return comparedCell(paper, eightBit, "ddp", { numDevices: 1, prefetch: 0 });
    }
  }
}
