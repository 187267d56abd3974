import { clips } from "../actions/dependencies.ts";
import { peakInFlight } from "../actions/in-flight.ts";
import type { StageOrders } from "../actions/order.ts";
import { type Timeline, timelineOf } from "../actions/timeline.ts";
import { JobRoom } from "../schedules/admission.ts";
import { ScheduledTimes } from "../schedules/scheduled-times.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import type { Draft } from "./draft.ts";
import type { DraftCosts } from "./draft-costs.ts";

/** What may be in flight at once: so many micro-batches, or so much of their activation memory; null is no limit. */
export interface Limits {
  readonly count: number | null;
  readonly units: number | null;
}

export const NO_LIMITS: Limits = { count: null, units: null };

/** A draft in order, and when its actions run as the planner sees it. */
export interface OrderedDraft {
  readonly draft: Draft;
  readonly limits: Limits;
  readonly orders: StageOrders;
  readonly timeline: Timeline;
  /** With links that take no time: two timelines bound the buffers between stages. */
  withoutTransfers(): Timeline;
  /** Of each stage, by the order alone. */
  readonly inFlight: readonly number[];
}

/** The costs are those of the draft's work, on whichever stages it is now. */
export function orderDraft(costs: DraftCosts, draft: Draft, limits: Limits): OrderedDraft {
  const { dependencies, miniBatches, transferNs, isHalfDuplex, signalNs } = costs;
  const { count, units } = limits;
  const durationNs = costs.durationsOn(draft.stages);
  const times = new ScheduledTimes(draft.stages.length);
  const orders = SCHEDULE_TABLE[draft.schedule].build({
    miniBatches,
    durationNs,
    transferNs,
    isHalfDuplex,
    signalNs,
    times,
    numStages: draft.stages.length,
    maxInFlight: count,
    activations: units === null ? undefined : { limit: units, sizeOf: (microBatch) => draft.units[microBatch]! },
    admission:
      draft.jobsAtOnce === null
        ? undefined
        : new JobRoom(draft.jobsAtOnce, (group) => draft.groups[group]!.members.length),
    clips: (miniBatch) => clips(draft, miniBatch),
  });
  const timeline =
    times.timelineOf(orders) ??
    timelineOf(orders, dependencies, {
      durationNs,
      transferNs: (boundary, microBatch) => transferNs(boundary, microBatch).arrival,
      signalNs,
    });
  return {
    draft,
    limits,
    orders,
    timeline,
    withoutTransfers: () => timelineOf(orders, dependencies, { durationNs, transferNs: () => 0 }),
    inFlight: orders.map(peakInFlight),
  };
}
