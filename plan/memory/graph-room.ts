// The room on a GPU for the launches of its stage as CUDA graphs
// (docs/decisions/0010-cuda-graphs-where-the-host-is-slow.md).
import { peakInFlight } from "../actions/in-flight.ts";
import { edgeDtypes } from "../actions/message-bytes.ts";
import { parseOrder } from "../actions/order.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import { hasDivergence } from "../documents/loss.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { Projection } from "../documents/projections.ts";
import type { Work } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { generationLaunches, stageLaunches } from "./stage-launches.ts";
import { layoutOfStage } from "./stage-units.ts";

/**
 * What the driver takes of a GPU for each node of a graph: 64 KB up to CUDA 12.4 and driver 550, by PyTorch's page on
 * CUDAGraph Trees; some 10 KB for a kernel later, by NVIDIA's CCCL (pull request 3768).
 */
const NODE_BYTES = 64 * 2 ** 10;

/** What graphs may take of a GPU: enough for two of 4096 nodes, or for more of smaller ones. */
const MOST_BYTES = 512 * 2 ** 20;

/** The base's answers are behind all others; those to other prompts are behind the others of their job. */
function turnsOf(jobs: Work["jobs"]): number {
  const losses = jobs.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
  return losses.length === 0 ? 0 : 1 + 2 * losses.filter(hasDivergence).length;
}

/** The launches of a plan's stage. */
export function launchesOf(
  setting: Pick<Setting, "stages" | "pipelines" | "devices" | "links" | "model"> & Pick<Work, "jobs">,
  stage: number,
): Readonly<Record<"F" | "B", number>> {
  const { maxTokens, ranks, dora = [] } = pipelineTable(setting).ofStage(stage).room;
  return stageLaunches({
    ...setting.model,
    stage: setting.stages[stage]!,
    edges: edgeDtypes(setting, stage),
    targets: new Set(Object.keys(ranks) as Projection[]),
    dora,
    maxTokens,
    headTileRows: layoutOfStage(setting, stage).headTileRows,
    turns: turnsOf(setting.jobs),
  });
}

/**
 * The plan with room for graphs on its GPUs: a forward and a backward for each micro-batch that a stage has in flight
 * at once, as many pairs as fit into what the rest leaves of the device. Nothing in the plan gives way to them.
 */
export function withGraphRoom(plan: PlanBody): PlanBody {
  const memory = plan.memory.map((own, stage) => {
    const { kind, memoryBytes } = plan.devices[plan.stages[stage]!.device]!;
    if (kind !== "cuda") return own;
    const launches = launchesOf(plan, stage);
    const pairBytes = (launches.F + launches.B) * NODE_BYTES;
    const left = memoryBytes === null ? Number.POSITIVE_INFINITY : memoryBytes - own.total;
    const fitting = Math.floor(Math.min(left, MOST_BYTES) / pairBytes);
    const graphs = Math.min(fitting, peakInFlight(parseOrder(plan.actions[stage]!, stage))) * pairBytes;
    return graphs <= 0 ? own : { ...own, graphs };
  });
  return { ...plan, memory };
}

/** Runs with other sequences have graphs of their own; answers end one by one, so that few go on side by side for long. */
const GENERATION_GRAPHS = 8;

/** The room for graphs of runs that take sequences further. */
export function generationGraphRoom(launched: Parameters<typeof generationLaunches>[0]): number {
  return Math.min(MOST_BYTES, GENERATION_GRAPHS * generationLaunches(launched) * NODE_BYTES);
}
