// How many launches a stage's forward and backward are on a GPU, and the room for them as CUDA graphs
// (docs/decisions/0010-cuda-graphs-where-the-host-is-slow.md).
import { sum } from "../../core/index.ts";
import { parseAction } from "../actions/action.ts";
import { peakInFlight } from "../actions/in-flight.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import type { OperatorCall } from "../costs/operator-calls.ts";
import { stageOperators } from "../costs/operators.ts";
import { isQuantized } from "../costs/quantized-weights.ts";
import { stageShapes } from "../costs/stage-shapes.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { PlanBody } from "../documents/plan.ts";
import { loraGroup } from "../documents/projections.ts";
import type { MicroBatch } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { dequantizedColumns } from "./cuda-memory.ts";
import { layoutOfStage } from "./stage-units.ts";

/**
 * What the driver takes of a GPU for each node of a graph: 64 KB up to CUDA 12.4 and driver 550, by PyTorch's page on
 * CUDAGraph Trees; some 10 KB for a kernel later, by NVIDIA's CCCL (pull request 3768).
 */
const NODE_BYTES = 64 * 2 ** 10;

/** What graphs may take of a GPU: enough for two of 4096 nodes, or for more of smaller ones. */
const MOST_BYTES = 512 * 2 ** 20;

/** Kernels of an operator as native/src/runtime/cuda launches it; the other kinds are one. */
const KERNELS: Readonly<Record<string, number>> = { "attention:B": 3, "lora:F": 2, "lora:B": 4 };

/** The sums of squares after a mini-batch's last backward: of chunks, and over them. */
const NORM_KERNELS = 2;

/** A product over quantized weights is made column by column, each dequantized before. */
function productLaunches(call: OperatorCall, [inFeatures, out]: readonly [number, number], dtype: Dtype): number {
  if (!isQuantized(dtype)) return 1;
  const [depth, columns] = call.kind === "matmul:F" ? [inFeatures, out] : [out, inFeatures];
  return 2 * Math.ceil(columns / dequantizedColumns(depth, columns));
}

/** Of each tile of scored rows six: gathered, two products, scores, gradient, scattered; the others' zeros; losses. */
function headLaunches(maxTokens: number, tileRows: number): number {
  return 6 * Math.ceil(maxTokens / tileRows) + 2;
}

/**
 * The most launches of a stage's forward and of its backward, whatever micro-batch comes: an adapter on every
 * projection that the pipeline has room for, as many scored rows as there may be, and the norms at the end.
 */
export function stageLaunches(
  setting: Pick<Setting, "stages" | "pipelines" | "devices" | "links" | "model">,
  stage: number,
): Readonly<Record<"F" | "B", number>> {
  const { room } = pipelineTable(setting).ofStage(stage);
  const { architecture, dtype } = setting.model;
  const shape = stageShapes({ ...setting, groups: [], jobs: [] })[stage]!;
  const targets = [...shape.targets];
  const jobs = [{ adapter: { rank: 1, alpha: 1, dropout: 0, targets } }];
  const rows: MicroBatch["rows"] = [[0, 0, room.maxTokens, room.maxTokens]];
  const launchesOf = (call: OperatorCall): number => {
    if (call.kind === "head") return headLaunches(room.maxTokens, layoutOfStage(setting, stage).headTileRows);
    if (call.layerProduct !== undefined) return productLaunches(call, call.layerProduct, dtype);
    // And the biases of q, k and v before it.
    if (call.kind === "rope:F") return architecture.qkvBias ? 2 : 1;
    return KERNELS[call.kind] ?? 1;
  };
  const count = (direction: "F" | "B"): number =>
    sum(stageOperators({ ...shape, jobs }, direction, { rows }).map((call) => call.calls * launchesOf(call)));
  // The first layer has no gradient of its input that an adapter could add to.
  const left = shape.stage.embedding && loraGroup("q_proj").some((projection) => shape.targets.has(projection)) ? 1 : 0;
  return { F: count("F"), B: count("B") - left + NORM_KERNELS };
}

/**
 * The plan with room for graphs on its GPUs: a forward and a backward for each micro-batch that a stage has in flight
 * at once, as many pairs as fit into what the rest leaves of the device. Nothing in the plan gives way to them.
 */
export function withGraphRoom(plan: PlanBody): PlanBody {
  const memory = plan.memory.map((own, stage) => {
    const { kind, memoryBytes } = plan.devices[plan.stages[stage]!.device]!;
    if (kind !== "cuda") return own;
    const launches = stageLaunches(plan, stage);
    const pairBytes = (launches.F + launches.B) * NODE_BYTES;
    const left = memoryBytes === null ? Number.POSITIVE_INFINITY : memoryBytes - own.total;
    const fitting = Math.floor(Math.min(left, MOST_BYTES) / pairBytes);
    const graphs = Math.min(fitting, peakInFlight(plan.actions[stage]!.map(parseAction))) * pairBytes;
    return graphs <= 0 ? own : { ...own, graphs };
  });
  return { ...plan, memory };
}
