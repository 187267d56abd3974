import { BACKWARD, EVALUATION, FORWARD, UPDATE } from "../actions/action.ts";
import { type DependencyTable, dependencyTable } from "../actions/dependencies.ts";
import { messageBytes } from "../actions/message-bytes.ts";
import { miniBatches } from "../actions/mini-batch.ts";
import { onePipeline } from "../actions/pipelines.ts";
import { workDurations } from "../costs/action-durations.ts";
import { normSignals } from "../costs/norm-signal.ts";
import { transferTimes } from "../costs/transfer-times.ts";
import type { Stage } from "../documents/setting.ts";
import type { ScheduleInput } from "../schedules/schedule-input.ts";
import type { Draft } from "./draft.ts";
import type { Costed } from "./request.ts";

/** What the cost model says of a draft's work, once for all orders of it. */
export interface DraftCosts extends Pick<ScheduleInput, "miniBatches" | "transferNs"> {
  readonly isHalfDuplex: NonNullable<ScheduleInput["isHalfDuplex"]>;
  readonly signalNs: NonNullable<ScheduleInput["signalNs"]>;
  readonly dependencies: DependencyTable;
  /** On these stages: layers may be moved and recomputed without other costs being asked for again. */
  durationsOn(stages: readonly Stage[]): ScheduleInput["durationNs"];
  /** Nanoseconds that each of these stages computes in whatever order, so that no run is shorter. */
  busyOn(stages: readonly Stage[]): (stage: number) => number;
}

export function costsOf(request: Costed, draft: Draft): DraftCosts {
  const { architecture, dtype, devices, costModel } = request;
  const work = { ...draft, pipelines: onePipeline(request.architecture, draft.stages.length, draft) };
  const links = [...request.links];
  const model = { architecture, dtype };
  const durations = workDurations({ ...work, devices: [...devices], links, model }, costModel);
  const bytesOf = messageBytes({ microBatches: draft.microBatches, links, model });
  const linkCosts = links.map((link) => costModel.linkCost(link));
  const signals = normSignals(
    draft.stages.map(({ device }) => devices[device]!),
    links,
    costModel,
  );
  const steps = miniBatches(draft);
  return {
    dependencies: dependencyTable(work),
    miniBatches: steps,
    durationsOn: durations,
    busyOn(stages) {
      const durationNs = durations(stages);
      return (stage) => {
        let ns = 0;
        for (const { microBatches, evaluation = [] } of steps.flat()) {
          ns += durationNs(stage, UPDATE, microBatches.at(-1)!);
          for (const microBatch of microBatches)
            ns += durationNs(stage, FORWARD, microBatch) + durationNs(stage, BACKWARD, microBatch);
          for (const microBatch of evaluation) ns += durationNs(stage, EVALUATION, microBatch);
        }
        return ns;
      };
    },
    transferNs: (boundary, microBatch) => transferTimes(linkCosts[boundary]!, bytesOf(boundary, microBatch)),
    isHalfDuplex: (boundary) => links[boundary]!.duplex === "half",
    signalNs: (stage) => signals[stage]!,
  };
}
