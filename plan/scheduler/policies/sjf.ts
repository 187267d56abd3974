import { type FleetJob, predictedLeft } from "../fleet-job.ts";
import { preemptiveChoice } from "../in-order.ts";
import { byArrival, type Policy } from "../policy.ts";
import type { Resources } from "../resources.ts";

/** Shortest predicted remaining time first; a longer one gives way at the end of its iteration. */
export function sjf(resources: Resources): Policy {
  const leftNs = (job: FleetJob): number => predictedLeft(job) * resources.iterationNs(job);
  const compare = (a: FleetJob, b: FleetJob): number => leftNs(a) - leftNs(b) || byArrival(a, b);
  return {
    name: "sjf",
    describe: "shortest predicted remaining time first",
    compare,
    initial: null,
    watches: "progress",
    decide: (view) =>
      preemptiveChoice(view, compare, {
        looksPast: 0,
        why: (job) => `${predictedLeft(job)} iterations are predicted to be left`,
      }),
  };
}
