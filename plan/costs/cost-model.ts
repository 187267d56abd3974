import { InputError, sum } from "../../core/index.ts";
import { type Pass, passOf } from "../actions/action.ts";
import { COMPUTE_BYTES, computeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import { microBatchTokens, trainedTokens } from "../actions/mini-batch.ts";
import { isSample, sampleRuns } from "../actions/samples.ts";
import type {
  Calibration,
  ConstantCalibration,
  LayersCalibration,
  MeasuredCalibration,
  RooflineCalibration,
} from "../documents/calibration.ts";
import type { ResolvedDevice, ResolvedLink } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { Stage } from "../documents/setting.ts";
import type { ActionCost } from "./action-cost.ts";
import { actionOperators } from "./action-operators.ts";
import { peaksOf } from "./device-peaks.ts";
import { layerActionSeconds } from "./layer-model.ts";
import type { OperatorCall } from "./operator-calls.ts";
import { type Coefficients, operatorSeconds } from "./operator-seconds.ts";
import { CHOICE, DECODED } from "./sample-operators.ts";
import { dequantizedBytes } from "./weight-bytes.ts";

/** A transfer's time on an idle link: latency, then bytes at the link's rate (null: no bytes-dependent part). */
export interface LinkCost {
  readonly latencySeconds: number;
  readonly bytesPerSecond: number | null;
}

/** What the devices of one machine take from each other: memory bandwidth, caches, clocks. */
export interface Contention {
  /** So many devices at work make the times of the cost model. */
  readonly devices: number;
  /** The share of such a time that an action takes while no other device of its machine works. */
  readonly alone: Readonly<Record<Pass, number>>;
}

/** What JavaScript does for a plan that grows while devices of the same machine work: it takes their cores. */
export interface OwnWorkCosts {
  /** What a device loses for each of its actions, from the decisions that lead to it to what is written of it. */
  readonly perActionSeconds: number;
  /** So much of it comes at once, as for a segment of the plan. */
  readonly burstSeconds: number;
  /** Cores of the machine. */
  readonly cores: number;
}

/**
 * How long the actions and messages of a plan take: planner and simulator both ask it, so that they agree. In seconds;
 * whoever needs whole nanoseconds rounds.
 */
export interface CostModel {
  /** With the other devices of the machine at work. */
  actionSeconds(action: ActionCost): number;
  linkCost(link: ResolvedLink): LinkCost;
  /** Absent: devices do not slow each other. */
  readonly contention?: Contention;
  /** Absent: nothing is known of it, or it takes no device's time. The planner's times are without it. */
  readonly ownWork?: OwnWorkCosts;
  /** What a device needs between two actions, before the next can start; 0 when absent. */
  readonly gapSeconds?: number;
  /**
   * A text for a stage on its device with messages of these types: where it is the same, the same work takes the same
   * time. Without it nothing is known to.
   */
  sameCosts?(stage: Stage, device: ResolvedDevice, edges: EdgeDtypes | undefined): string;
}

/** Every model here looks at nothing else of a stage and its device. */
function sameCosts(
  stage: Stage,
  { peakFlopsPerSecond, memoryBytesPerSecond }: ResolvedDevice,
  edges: EdgeDtypes | undefined,
): string {
  const {
    firstLayer,
    endLayer,
    startsAtMlp = false,
    endsAtAttention = false,
    recomputedLayers,
    embedding,
    head,
  } = stage;
  const layers = `${endLayer - firstLayer} ${startsAtMlp} ${endsAtAttention} ${recomputedLayers} ${embedding} ${head}`;
  const { float32, bfloat16 } = peakFlopsPerSecond ?? {};
  return `${layers} ${edges?.after} ${float32} ${bfloat16} ${memoryBytesPerSecond}`;
}

function constantModel(calibration: ConstantCalibration): Omit<CostModel, "sameCosts"> {
  const { seconds, perTokens } = calibration;
  return {
    actionSeconds({ letter, microBatch }) {
      if (letter === "U") return seconds.update;
      const pass = seconds[passOf(letter) as "F" | "B"];
      if (isSample(microBatch)) {
        const runs = sampleRuns(microBatch);
        if (perTokens === undefined) return pass * sum(runs.map(({ times }) => times));
        const tokens = runs.map(({ times, sequences }) => times * sum(sequences.map((each) => each.tokens)));
        return (pass * sum(tokens)) / perTokens;
      }
      if (perTokens === undefined) return pass;
      return (pass * (letter === "B" ? trainedTokens(microBatch) : microBatchTokens(microBatch))) / perTokens;
    },
    linkCost: () => ({ latencySeconds: seconds.transfer, bytesPerSecond: null }),
  };
}

function scaledLink(
  link: ResolvedLink,
  { transferLatencySeconds, transferEfficiency }: RooflineCalibration | LayersCalibration,
): LinkCost {
  return {
    latencySeconds: link.latencySeconds + transferLatencySeconds,
    bytesPerSecond: link.bandwidthBytesPerSecond === null ? null : link.bandwidthBytesPerSecond * transferEfficiency,
  };
}

function layersModel(calibration: LayersCalibration): Omit<CostModel, "sameCosts"> {
  return {
    actionSeconds: (action) => layerActionSeconds(action, calibration),
    linkCost: (link) => scaledLink(link, calibration),
  };
}

function rooflineModel(calibration: RooflineCalibration, dtype: Dtype): Omit<CostModel, "sameCosts"> {
  const bytesPerElement = COMPUTE_BYTES[computeDtype(dtype)];
  const dequantized = dequantizedBytes(dtype);
  return {
    actionSeconds(action) {
      const peaks = peaksOf(action.device, dtype);
      const peak = peaks.flopsPerSecond * calibration.computeEfficiency;
      const rate = peaks.bytesPerSecond * calibration.memoryEfficiency;
      let total = 0;
      for (const call of actionOperators(action)) {
        const dequantizing =
          dequantized === 0 || call.layerProduct === undefined
            ? 0
            : (call.layerProduct[0] * call.layerProduct[1] * dequantized) / rate + calibration.launchSeconds;
        total +=
          call.calls *
          (Math.max(call.flops / peak, (call.elements * bytesPerElement) / rate) +
            calibration.launchSeconds +
            dequantizing);
      }
      return total;
    },
    linkCost: (link) => scaledLink(link, calibration),
  };
}

/**
 * Operators that are the same under another name: a backward in fp32 has no copies, unless what it gets was rounded for
 * the transfer, which a calibration need not have seen.
 */
const ALIKE: Readonly<Record<string, string>> = { "copy:B": "copy:F", "cachedAttention:F": "attention:F" };

/**
 * What an operator's time is taken for where a calibration has not measured it: the same under another name; and one of a
 * run that answers prompts as one of an evaluation, or of training.
 */
function coefficientsLike(
  { name, kind }: OperatorCall,
  table: ReadonlyMap<string, Coefficients>,
): Coefficients | undefined {
  const plain = (text: string): string => (text.startsWith(DECODED) ? text.slice(DECODED.length) : text);
  const own = plain(name);
  const ofHead = ["headLoss:", "head:"].map((head) => own.replace("headLogits:", head));
  const names = [own, plain(kind), ALIKE[own] ?? "", ...ofHead];
  const known = names.find((each) => table.has(each));
  return known === undefined && name === CHOICE ? CHOICE_COEFFICIENTS : table.get(known ?? "");
}

/** What the host takes to choose tokens, where nobody has measured it: a run's round trip, and a look at each logit. */
const CHOICE_COEFFICIENTS: Coefficients = { one: 150e-6, entries: 2e-9 };

function measuredModel(calibration: MeasuredCalibration, dtype: Dtype): Omit<CostModel, "sameCosts"> {
  if (calibration.dtype !== dtype) {
    throw new InputError({
      expected: `a calibration of the model's dtype, ${dtype},`,
      at: "calibration.dtype",
      got: calibration.dtype,
      hint: `Measure with \`loratwin calibrate --dtype ${dtype}\`, with or without --workload FILE.`,
    });
  }
  const table = new Map(calibration.operators.map((operator) => [operator.operator, operator.coefficients]));
  const { aloneShare, device, gapSeconds, machine } = calibration;
  // Measured times are those of threads that have their cores; an action has to be expected to be interrupted as often
  // as others were.
  const having = 1 - (machine?.interrupted ?? 0);
  return {
    ...(gapSeconds === undefined ? {} : { gapSeconds }),
    ...(aloneShare === undefined ? {} : { contention: { devices: device.devicesAtOnce, alone: aloneShare } }),
    actionSeconds(action) {
      let total = calibration.actionSeconds[passOf(action.letter)];
      for (const call of actionOperators(action)) {
        const coefficients = table.get(call.name) ?? table.get(call.kind) ?? coefficientsLike(call, table);
        if (coefficients === undefined) {
          throw new InputError({
            expected: `operator ${call.name} in the calibration`,
            at: "calibration.operators",
            hint: "Measure again with `loratwin calibrate --workload FILE`, which measures the shapes of that workload.",
          });
        }
        total += call.calls * Math.max(0, operatorSeconds(coefficients, call.features));
      }
      return total / having;
    },
    linkCost: (link) =>
      link.bandwidthBytesPerSecond === null
        ? {
            latencySeconds: calibration.link.latencySeconds,
            bytesPerSecond: calibration.link.secondsPerByte > 0 ? 1 / calibration.link.secondsPerByte : null,
          }
        : { latencySeconds: link.latencySeconds, bytesPerSecond: link.bandwidthBytesPerSecond },
  };
}

/**
 * Costs with what JavaScript does on the devices' cores beside their actions. Where their calibration knows by whom actions
 * were interrupted, these are interrupted by others alone. The costs as they are where nobody knows of such work.
 */
export function withOwnWork(
  costs: CostModel,
  calibration: Calibration | undefined,
  ownWork: OwnWorkCosts | undefined,
): CostModel {
  if (ownWork === undefined) return costs;
  const machine = calibration?.model === "measured" ? calibration.machine : undefined;
  const { interrupted = 0, ownInterrupted = 0 } = machine ?? {};
  const share = (1 - interrupted) / (1 - interrupted + ownInterrupted);
  return { ...costs, ownWork, actionSeconds: (action) => share * costs.actionSeconds(action) };
}

/** The cost model that a calibration document describes. @throws InputError for times measured with another dtype. */
export function createCostModel(calibration: Calibration, dtype: Dtype): CostModel {
  return { ...modelOf(calibration, dtype), sameCosts };
}

function modelOf(calibration: Calibration, dtype: Dtype): Omit<CostModel, "sameCosts"> {
  switch (calibration.model) {
    case "constant":
      return constantModel(calibration);
    case "roofline":
      return rooflineModel(calibration, dtype);
    case "layers":
      return layersModel(calibration);
    case "measured":
      return measuredModel(calibration, dtype);
  }
}
