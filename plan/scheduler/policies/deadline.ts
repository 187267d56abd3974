import { formatSeconds } from "../../../core/index.ts";
import { type FleetJob, predictedLeft } from "../fleet-job.ts";
import { preemptively } from "../in-order.ts";
import { byArrival, type Policy, type Refusal } from "../policy.ts";
import type { Resources } from "../resources.ts";

const due = ({ deadlineNs }: FleetJob): number => deadlineNs ?? Number.POSITIVE_INFINITY;

function compare(a: FleetJob, b: FleetJob): number {
  return due(a) === due(b) ? byArrival(a, b) : due(a) - due(b);
}

/**
 * Earliest deadline first, jobs without one behind all others. One that has not begun is refused when it could not be
 * met even if the job had a pipeline to itself from now on.
 */
export function deadline(resources: Resources): Policy {
  return {
    name: "deadline",
    describe: "earliest deadline first; one that cannot be met is refused",
    compare,
    initial: null,
    watches: "changes",
    decide(view) {
      const refusals = view.waiting.flatMap((job): Refusal[] => {
        const endNs = view.nowNs + predictedLeft(job) * resources.iterationNs(job);
        if (job.done > 0 || endNs <= due(job)) return [];
        const late = formatSeconds((endNs - due(job)) / 1e9);
        return [{ job, why: `alone from now on it would end ${late} after its deadline` }];
      });
      const hopeless = new Set(refusals.map(({ job }) => job));
      const waiting = view.waiting.filter((job) => !hopeless.has(job));
      const wishes = preemptively({ ...view, waiting }, compare, {
        looksPast: 0,
        why: (job) => (job.deadlineNs === null ? "no deadline comes before" : "its deadline is the earliest"),
      });
      return { wishes, refusals, memory: null };
    },
  };
}
