import { sum } from "../../core/index.ts";
import { parseOrder } from "../actions/order.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import { halfCounts, type LayerRange } from "../actions/stage-layers.ts";
import { adapterParameters } from "../costs/adapter-parameters.ts";
import type { PlanBody } from "../documents/plan.ts";
import { halfOf, isInLayers, PROJECTIONS } from "../documents/projections.ts";
import type { Room } from "../documents/setting.ts";
import { residentJobs } from "./residents.ts";
import { stageUnits } from "./stage-units.ts";
import { UNIT_ROWS } from "./stash.ts";

/** What the memory that work takes of a device may grow with, each with a coefficient that is fitted. */
export const MEMORY_TERMS = [
  /** Bytes by the model that the fit starts from. */
  "planned",
  /** 1, whatever the work is. */
  "constant",
  /** Parameters of the adapters that are there at once. */
  "parameters",
  /** Tokens that are kept from forward to backward, in whole slots. */
  "inFlight",
  /** The same, by the columns that adapters add to a token. */
  "inFlightRanks",
  /** Tokens of the largest micro-batch, and of the longest row. */
  "microBatch",
  "row",
  /** Tokens that messages between stages have room for. */
  "messages",
  /** Their product, by which attention grows that keeps its scores. */
  "attention",
] as const;
export type MemoryTerm = (typeof MEMORY_TERMS)[number];
export type MemoryTerms = Readonly<Record<MemoryTerm, number>>;

export interface WorkShape extends Pick<MemoryTerms, "planned" | "parameters" | "inFlight" | "messages"> {
  readonly stage: LayerRange;
  readonly room: Pick<Room, "maxTokens" | "maxSequence" | "ranks">;
}

/** The terms of work on a stage. */
export function memoryTerms({ stage, room, planned, parameters, inFlight, messages }: WorkShape): MemoryTerms {
  const counts = halfCounts(stage);
  const columns = sum(
    PROJECTIONS.filter(isInLayers).map((projection) => counts[halfOf(projection)] * (room.ranks[projection] ?? 0)),
  );
  return {
    planned,
    constant: 1,
    parameters,
    inFlight,
    inFlightRanks: inFlight * columns,
    microBatch: room.maxTokens,
    row: room.maxSequence,
    messages,
    attention: room.maxTokens * room.maxSequence,
  };
}

/** Of all that a plan does on a stage. `planned`: its memory as the plan has it when absent. */
export function stageTerms(plan: PlanBody, index: number, planned = plan.memory[index]!.total): MemoryTerms {
  const { architecture } = plan.model;
  const stage = plan.stages[index]!;
  const held = { architecture, stage, kind: plan.devices[stage.device]!.kind };
  const residents = residentJobs(held, parseOrder(plan.actions[index]!, index), plan);
  const { room } = pipelineTable(plan).ofStage(index);
  return memoryTerms({
    stage,
    room,
    planned,
    parameters: sum(residents.map((job) => adapterParameters(architecture, stage, job))),
    inFlight: UNIT_ROWS * stageUnits(plan)[index]!,
    messages: room.maxTokens * sum(Object.values(plan.buffers[index]!)),
  });
}
