import type { Context, FileOrDocument } from "../../files/index.ts";
import type { Plan } from "../../plan/index.ts";
import type { Intervals } from "../../traces/index.ts";
import { createPlan, noteNominal } from "../load/create-plan.ts";
import type { RequestChoice } from "../load/load-request.ts";
import { type EstimatedFigure, type EstimatedPrice, type PriceChoice, pricingOf } from "./estimate-price.ts";
import { type IntervalChoice, predictIntervals } from "./predict-intervals.ts";

export interface EstimateChoice {
  readonly request: RequestChoice;
  /** Absent: no interval is drawn. */
  readonly intervals: IntervalChoice | undefined;
  /** Absent: time and memory alone. */
  readonly price: PriceChoice | undefined;
}

/** The most memory of a device, by the plan. */
export interface EstimatedMemory {
  readonly name: string;
  readonly type: string;
  readonly peakMemoryBytes: number;
  /** null: no limit, and so below. */
  readonly capacityBytes: number | null;
  /** 0 also where weights are shared and a device takes of what others of its memory leave. */
  readonly headroomBytes: number | null;
}

/** What a run will take, before it runs. */
export interface RunEstimate {
  readonly plan: Plan;
  /** Whose level the figures' intervals have. */
  readonly intervals: Intervals | undefined;
  readonly seconds: EstimatedFigure;
  readonly tokensPerSecond: EstimatedFigure;
  readonly devices: readonly EstimatedMemory[];
  readonly price: EstimatedPrice | null;
}

function memoryOf({ devices, stages, memory }: Plan): readonly EstimatedMemory[] {
  return stages.map(({ index, device }) => {
    const { name, type, memoryBytes } = devices[device]!;
    const peakMemoryBytes = memory[index]!.total;
    const headroomBytes = memoryBytes === null ? null : Math.max(0, memoryBytes - peakMemoryBytes);
    return { name, type, peakMemoryBytes, capacityBytes: memoryBytes, headroomBytes };
  });
}

/** How long a workload will take, in how much memory, and at what price. @throws InputError, PlanError */
export async function estimateRun(
  context: Context,
  file: FileOrDocument,
  { request, intervals: draws, price }: EstimateChoice,
): Promise<RunEstimate> {
  const pricing = price === undefined ? undefined : pricingOf(context, price, request.catalog);
  const created = await createPlan(context, file, request);
  noteNominal(context, created);
  const { plan } = created;
  const priceOf = pricing?.(plan);
  const intervals = draws === undefined ? undefined : await predictIntervals(context, draws, plan, plan.calibration);
  const { makespanSeconds, tokensPerSecond } = plan.predicted!;
  const seconds = { predicted: makespanSeconds, interval: intervals?.makespanSeconds ?? null };
  return {
    ...{ plan, intervals, seconds, devices: memoryOf(plan), price: priceOf?.(seconds) ?? null },
    tokensPerSecond: { predicted: tokensPerSecond, interval: intervals?.tokensPerSecond ?? null },
  };
}
