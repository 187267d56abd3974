import type { FleetJob } from "../fleet-job.ts";
import { preemptiveChoice } from "../in-order.ts";
import { byArrival, type Policy } from "../policy.ts";

const compare = (a: FleetJob, b: FleetJob): number => b.priority - a.priority || byArrival(a, b);

function byPriority(name: string, describe: string, looksPast: number): Policy {
  return {
    name,
    describe,
    compare,
    initial: null,
    watches: "changes",
    decide: (view) => preemptiveChoice(view, compare, { looksPast, why: (job) => `priority ${job.priority}` }),
  };
}

/** The largest priority first, first come first served among equals; smaller ones give way at iteration ends. */
export const priority = byPriority("priority", "the largest priority first, preemptive", 0);

/** Jobs that wait and are looked at behind one that does not fit. */
const LOOKS_PAST = 64;

/**
 * The paper's scheduler (PVLDB 18(6), section 5): priority, and as many jobs at once as the memory of every device
 * admits, so that one that does not fit leaves its room to others behind it.
 */
export const mlora = byPriority("mlora", "by priority, as many jobs as memory admits", LOOKS_PAST);
