import path from "node:path";
import { counted } from "../../core/index.ts";
import { readClusterTrace } from "../../datasets/index.ts";
import type { Context } from "../../files/index.ts";
import { type Arrivals, createCostModel, type PlanRequest } from "../../plan/index.ts";
import { CohortTimes, type FleetRequest, planKinds, traceMembers } from "../../sim/index.ts";
import type { LoadedWorkload } from "../load/load-workload.ts";

function amountOf({ scale, load }: Arrivals): { readonly scale: number } | { readonly load: number } {
  return load === undefined ? { scale: scale ?? 1 } : { load };
}

/**
 * Jobs that come as those of a published cluster trace did, of the kinds that a workload's jobs are. @throws InputError,
 * PlanError
 */
export async function traceFleet(
  context: Context,
  { workload, source }: Pick<LoadedWorkload, "workload" | "source">,
  arrivals: Arrivals,
  request: PlanRequest,
): Promise<Pick<FleetRequest, "setting" | "costs" | "members">> {
  const { format, limit } = arrivals;
  const file = path.resolve(path.dirname(source.file), arrivals.trace);
  const { jobs, numLeftOut } = await context.during("reading the trace", () =>
    readClusterTrace(file, { format, limit }),
  );
  const { setting, kinds } = await context.during("planning", () => planKinds(request));
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const times = new CohortTimes(setting, costs, kinds);
  const { members, scale, load } = traceMembers({
    jobs,
    setting,
    kinds,
    deadlinesNs: workload.jobs.map(({ deadlineSeconds }) =>
      deadlineSeconds === undefined ? null : Math.round(1e9 * deadlineSeconds),
    ),
    iterationNs: kinds.map((_, number) => times.iterationNs(0, [{ number }])[0]!),
    amount: amountOf(arrivals),
  });
  context.note(
    `${counted(jobs.length, "job")} of ${arrivals.trace}${numLeftOut === 0 ? "" : `, ${numLeftOut} left out that ran on no GPU`}, ` +
      `each ${scale.toPrecision(3)} of its GPU time` +
      `${load === undefined ? "" : `: a load of ${load.toFixed(2)} while they come`}`,
  );
  return { setting, costs, members };
}
