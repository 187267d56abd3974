import { InvariantError, maximum, sum } from "../../core/index.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Policy } from "./policy.ts";
import { priorityWeights } from "./priority-weights.ts";
import type { Resources } from "./resources.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/**
 * When jobs would end, by number, if a policy were to decide from a state on, all that has come being all that comes;
 * jobs that never end are not in it. It is simulated for at most so many triggers, and what is left after them is
 * estimated, in one way whatever the policy. Pure: the same question has the same answer at any time.
 */
export type Forecaster = (
  now: { readonly state: SchedulerState; readonly resources: Resources },
  policy: Policy,
  triggers: number,
) => ReadonlyMap<number, number>;

/**
 * What is to be small. `turnaround`: the mean of the jobs, each as often as its priority above the smallest, plus one;
 * `makespan`: the time until all have ended.
 */
export type Objective = "turnaround" | "makespan";

/** The objective of a forecast, in nanoseconds, over the jobs that are there. */
export function objectiveNs(
  objective: Objective,
  { jobs, nowNs }: Pick<SchedulerState, "jobs" | "nowNs">,
  ends: ReadonlyMap<number, number>,
): number {
  const ending = jobs.filter(({ number }) => ends.has(number));
  if (ending.length === 0) return 0;
  const endOf = ({ number }: FleetJob): number => ends.get(number)!;
  if (objective === "makespan") return maximum(ending.map(endOf)) - nowNs;
  const weights = priorityWeights(ending.map(({ priority }) => priority));
  return sum(ending.map((job, i) => weights[i]! * (endOf(job) - job.arrivalNs))) / sum(weights);
}

/** Where nobody forecasts: only a policy that asks needs it. */
export const noForecast: Forecaster = (_, policy) => {
  throw new InvariantError({ expected: "a forecaster", got: `none, to forecast ${policy.name} with` });
};
