import { InputError, PlanError, sum } from "../../core/index.ts";
import { COMPUTE_BYTES, computeDtype } from "../actions/compute-dtype.ts";
import { parseOrder } from "../actions/order.ts";
import { pipelineJobs, pipelineTable } from "../actions/pipelines.ts";
import { halfCounts } from "../actions/stage-layers.ts";
import type { ActionCost } from "../costs/action-cost.ts";
import type { CostModel } from "../costs/cost-model.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { PlanBody } from "../documents/plan.ts";
import { HALVES, type Half, halfOf, type Projection, projectionShape } from "../documents/projections.ts";
import type { PlannedJob } from "../documents/segment.ts";
import type { StageMemory } from "../documents/setting.ts";
import { memoryTable } from "./memory-model.ts";
import { memoryLoads, sharedWeightsText } from "./shared-weights.ts";
import { stashPlacement, UNIT_ROWS } from "./stash.ts";

/**
 * BatchLoRA adds each adapter's rows straight into its part of the result. A program without that splits the batch
 * before every LoRA operator, runs the adapters one by one, and concatenates what they give (mLoRA, section 4.2).
 */
export interface SplitCosts {
  /** Of the pieces of a micro-batch in one layer: bytes x rows x features for each operator. */
  readonly pieceBytes: number;
  /** Read and written by splits and concatenations in one pass over one layer, in either direction. */
  readonly trafficBytes: number;
}

/** What splitting costs a layer, or half of it, for packed rows of some jobs. */
export function splitCosts(
  architecture: Architecture,
  jobs: readonly Pick<PlannedJob, "adapter">[],
  dtype: Dtype,
  tokens: number,
  half?: Half,
): SplitCosts {
  const bytes = COMPUTE_BYTES[computeDtype(dtype)];
  const targets = [...new Set<Projection>(jobs.flatMap(({ adapter }) => adapter.targets))].filter(
    (target) => half === undefined || halfOf(target) === half,
  );
  const shapes = targets.map((target) => projectionShape(architecture, target));
  return {
    pieceBytes: bytes * tokens * sum(shapes.map((shape) => shape.in)),
    trafficBytes: 2 * bytes * tokens * sum(shapes.map((shape) => shape.in + shape.out)),
  };
}

/** The share of a device's memory rate that a calibration grants. */
function memoryEfficiency({ calibration }: PlanBody): number {
  return calibration.model === "roofline" ? calibration.memoryEfficiency : 1;
}

function splitSeconds(plan: PlanBody, { letter, device, shape, microBatch }: ActionCost): number {
  if (letter === "U") return 0;
  const rate = device.memoryBytesPerSecond;
  if (rate === null)
    throw new InputError({
      expected: `memoryBytesPerSecond of device ${device.name} for --no-pruning`,
      at: "devices",
      got: "none",
      hint: "Splits and concatenations move bytes: name a device of the catalog, or give the figure in the cluster file.",
    });
  const jobs = [...new Set(microBatch.rows.map(([job]) => job))].map((job) => shape.jobs[job]!);
  const tokens = sum(microBatch.rows.map(([, , length]) => length));
  const { architecture, dtype, stage } = shape;
  const all = halfCounts(stage);
  const recomputed = halfCounts(stage, letter === "B" ? stage.recomputedLayers : 0);
  const trafficBytes = sum(
    HALVES.map(
      (half) => (all[half] + recomputed[half]) * splitCosts(architecture, jobs, dtype, tokens, half).trafficBytes,
    ),
  );
  return trafficBytes / (rate * memoryEfficiency(plan));
}

/** Pieces are kept between forward and backward like other activations; of recomputed layers one's exist at a time. */
function unprunedMemory(plan: PlanBody): readonly StageMemory[] {
  const { architecture, dtype } = plan.model;
  const pieces = new Map(
    plan.pipelines.map((pipeline, index) => {
      const { maxTokens } = pipeline.room;
      const jobs = pipelineJobs(plan, index).map((job) => plan.jobs[job]!);
      const bytesOf = (tokens: number, half?: Half): number =>
        splitCosts(architecture, jobs, dtype, tokens, half).pieceBytes;
      return [pipeline, { ofUnit: (half: Half) => bytesOf(UNIT_ROWS, half), ofLongest: bytesOf(maxTokens) }];
    }),
  );
  const { ofStage } = pipelineTable(plan);
  return plan.stages.map((own, stage) => {
    // Graphs have what is left, and take none of it from what is needed.
    const { graphs: _graphs, ...memory } = plan.memory[stage]!;
    const { ofUnit, ofLongest } = pieces.get(ofStage(stage))!;
    const again = own.recomputedLayers > 0 ? ofLongest : 0;
    const [all, recomputed] = [halfCounts(own), halfCounts(own, own.recomputedLayers)];
    const { peak } = stashPlacement(parseOrder(plan.actions[stage]!, stage), plan.microBatches);
    const more = peak * sum(HALVES.map((half) => (all[half] - recomputed[half]) * ofUnit(half)));
    return {
      ...memory,
      activations: memory.activations + more,
      workspace: memory.workspace + again,
      total: memory.total + more + again,
    };
  });
}

/** The plan as a program without graph pruning would run it: the same actions, more time and memory. */
export interface UnprunedPlan {
  readonly plan: PlanBody;
  readonly costModel: CostModel;
}

/**
 * @throws PlanError with the table where it no longer fits; InputError, when asked for a time, for a device of unknown
 * memory rate.
 */
export function withoutPruning(plan: PlanBody, costModel: CostModel): UnprunedPlan {
  const memory = unprunedMemory(plan);
  const capacityOf = (stage: number): number | null => plan.devices[plan.stages[stage]!.device]!.memoryBytes;
  if (
    memoryLoads({ ...plan, memory: [...memory] }).some(({ bytes, capacity }) => capacity !== null && bytes > capacity)
  )
    throw new PlanError({
      expected: "a plan that fits into the devices' memory without graph pruning",
      got: "out of memory",
      detail: [
        memoryTable(
          memory.map((row, stage) => ({
            device: plan.devices[plan.stages[stage]!.device]!.name,
            memory: row,
            capacity: capacityOf(stage),
          })),
        ),
        ...sharedWeightsText(plan),
      ].join("\n"),
      hint: "With graph pruning, as the plan is executed, it fits.",
    });
  return {
    plan: { ...plan, memory: [...memory] },
    costModel: {
      ...costModel,
      actionSeconds: (action) => costModel.actionSeconds(action) + splitSeconds(plan, action),
    },
  };
}
