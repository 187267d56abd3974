import type { FleetJob } from "../fleet-job.ts";
import { takeInTurn } from "../in-order.ts";
import { byArrival, type Policy } from "../policy.ts";

/**
 * Every job first trains so many iterations, in the order of arrival, so that what its loss does can be told; then it is
 * for the policy. Arrivals of a fleet under load go to the front that way, and each for no longer.
 */
export function withWarmUp(policy: Policy, iterations: number): Policy {
  const isCold = ({ done }: FleetJob): boolean => done < iterations;
  return {
    ...policy,
    compare: (a, b) => Number(isCold(b)) - Number(isCold(a)) || (isCold(a) ? byArrival(a, b) : policy.compare(a, b)),
    watches: "iterations",
    decide(view, memory) {
      const { waiting, placed, resources } = view;
      const cold = [...placed.filter(isCold), ...waiting.filter(isCold)].sort(byArrival);
      const first = takeInTurn(resources, cold, {
        looksPast: 0,
        why: () => `its first ${iterations} iterations`,
      });
      const warm = policy.decide(
        {
          ...view,
          waiting: waiting.filter((job) => !isCold(job)),
          placed: placed.filter((job) => !isCold(job)),
        },
        memory,
      );
      return { ...warm, wishes: [...first, ...warm.wishes] };
    },
  };
}
