import { type Action, PLANNED_LETTERS } from "../action.ts";
import { actionDurations } from "../costs/action-durations.ts";
import { clips, type DependencyTable, dependencyTable } from "../dependencies.ts";
import { peakInFlight } from "../in-flight.ts";
import { microBatchUnits } from "../memory/stash.ts";
import { messageBytes } from "../message-bytes.ts";
import { miniBatches } from "../mini-batch.ts";
import { onePipeline } from "../pipelines.ts";
import { JobRoom } from "../schedules/admission.ts";
import type { Orders, ScheduleInput } from "../schedules/schedule-input.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { type Timeline, timelineOf } from "../timeline.ts";
import type { Draft } from "./draft.ts";
import type { Costed } from "./request.ts";

/** What may be in flight at once: so many micro-batches, or so much of their activation memory; null is no limit. */
export interface Limits {
  readonly count: number | null;
  readonly units: number | null;
}

export const NO_LIMITS: Limits = { count: null, units: null };

/** What the cost model says of a draft's work; each shape of work is asked for once. */
interface DraftCosts extends Pick<ScheduleInput, "miniBatches" | "durationNs" | "transferNs"> {
  readonly dependencies: DependencyTable;
}

function costsOf(request: Costed, draft: Draft): DraftCosts {
  const { architecture, dtype, devices, costModel } = request;
  const plan = { ...draft, pipelines: onePipeline(draft.stages.length, draft) };
  const durations = actionDurations({ ...plan, devices: [...devices], model: { architecture, dtype } }, costModel);
  const durationNs: ScheduleInput["durationNs"] = (stage, letter, microBatch) =>
    durations(stage, PLANNED_LETTERS.indexOf(letter), microBatch);
  const bytesOf = messageBytes({ microBatches: draft.microBatches, model: request });
  const linkCosts = request.links.map((link) => costModel.linkCost(link));
  const transferNs: ScheduleInput["transferNs"] = (boundary, microBatch) => {
    const { latencySeconds, bytesPerSecond } = linkCosts[boundary]!;
    const occupied = bytesPerSecond === null ? 0 : bytesOf[microBatch]! / bytesPerSecond;
    return { arrival: Math.round((latencySeconds + occupied) * 1e9), occupied: Math.round(occupied * 1e9) };
  };
  return { dependencies: dependencyTable(plan), miniBatches: miniBatches(draft), durationNs, transferNs };
}

/** A draft in order, and when its actions run as the planner sees it. */
export interface OrderedDraft {
  readonly draft: Draft;
  readonly orders: Orders;
  readonly timeline: Timeline;
  /** With links that take no time: two timelines bound the buffers between stages. */
  withoutTransfers(): Timeline;
  /** Of each stage, by the order alone. */
  readonly inFlight: readonly number[];
  /** Nanoseconds that each stage computes. */
  readonly busyNs: readonly number[];
}

export function orderDraft(request: Costed, draft: Draft, { count, units }: Limits): OrderedDraft {
  const costs = costsOf(request, draft);
  const unitsOf = draft.microBatches.map(microBatchUnits);
  const orders = SCHEDULE_TABLE[draft.schedule].build({
    ...costs,
    numStages: draft.stages.length,
    maxInFlight: count,
    activations: units === null ? undefined : { limit: units, sizeOf: (microBatch) => unitsOf[microBatch]! },
    admission:
      draft.jobsAtOnce === null
        ? undefined
        : new JobRoom(draft.jobsAtOnce, (group) => draft.groups[group]!.members.length),
    clips: (miniBatch) => clips(draft, miniBatch),
  });
  const durationNs = ({ stage, letter, microBatch }: Action): number => costs.durationNs(stage, letter, microBatch);
  const timeline = timelineOf(orders, costs.dependencies, {
    durationNs,
    transferNs: (boundary, microBatch) => costs.transferNs(boundary, microBatch).arrival,
  });
  return {
    draft,
    orders,
    timeline,
    withoutTransfers: () => timelineOf(orders, costs.dependencies, { durationNs, transferNs: () => 0 }),
    inFlight: orders.map(peakInFlight),
    busyNs: orders.map((order) => order.reduce((sum, action) => sum + durationNs(action), 0)),
  };
}
