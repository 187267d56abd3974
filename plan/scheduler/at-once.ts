import type { FleetJob } from "./fleet-job.ts";
import type { Policy } from "./policy.ts";
import type { Resources } from "./resources.ts";

/** The same machines with room for so many jobs at once on each pipeline. */
function narrowed(resources: Resources, most: number): Resources {
  return {
    ...resources,
    // Of jobs that train together some may have to go.
    isSteady: false,
    shortfall: (pipeline, jobs) => (jobs.length > most ? { kind: "jobs", most } : resources.shortfall(pipeline, jobs)),
  };
}

/** A policy that trains fewer jobs at once on each pipeline than there is room for. */
export function atOnce(policy: Policy, most: number): Policy {
  return {
    ...policy,
    name: `${policy.name}, ${most} at once`,
    decide: (view, memory) => policy.decide({ ...view, resources: narrowed(view.resources, most) }, memory),
  };
}

/** How many of some jobs fit on a pipeline together at most, the smallest first; `most` where it is at least so many. */
export function mostAtOnce(resources: Resources, jobs: readonly FleetJob[], most: number): number {
  const smallest = [...jobs].sort((a, b) => resources.nextBytes(a) - resources.nextBytes(b)).slice(0, most);
  for (let count = smallest.length; count > 1; count -= 1)
    for (let pipeline = 0; pipeline < resources.numPipelines; pipeline += 1)
      if (resources.shortfall(pipeline, smallest.slice(0, count)) === undefined) return count;
  return 1;
}
