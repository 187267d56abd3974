import { ownValue } from "../../../core/index.ts";
import type { FleetJob } from "../fleet-job.ts";
import { preemptively } from "../in-order.ts";
import { byArrival, type Policy } from "../policy.ts";

/** A job trains at least so many iterations' tokens more than its user's share before it gives way. */
const QUANTUM = 16;

export interface FairShares {
  /** Of a user; 1 for those that are not named. */
  readonly weights?: Readonly<Record<string, number>>;
}

/** By user who has jobs, tokens that count beside those that were trained: what others had while this one had no jobs. */
type Missed = Readonly<Record<string, number>>;

/**
 * Users share the fleet by weight, in tokens that their jobs have trained: who has had the least for its weight is
 * next, and among a user's jobs the one that came first. Who comes, or comes again, begins with as much as whoever has
 * had the least of those who have jobs, as start-time fair queueing has it (Goyal, Vin and Cheng, IEEE/ACM Transactions
 * on Networking 5(5), 1997).
 */
export function fair({ weights = {} }: FairShares = {}): Policy {
  return {
    name: "fair",
    describe: "users share by weight, in trained tokens",
    compare: byArrival,
    initial: null,
    watches: "iterations",
    decide(view, memory) {
      const known = (memory ?? {}) as Missed;
      const weightOf = (user: string): number => ownValue(weights, user) ?? 1;
      const users = [...new Set([...view.waiting, ...view.placed].map(({ user }) => user))];
      const hadBefore = users.flatMap((user) => {
        const missed = ownValue(known, user);
        return missed === undefined ? [] : [(view.served(user) + missed) / weightOf(user)];
      });
      const least = hadBefore.length === 0 ? 0 : Math.min(...hadBefore);
      const missedBy = (user: string): number =>
        ownValue(known, user) ?? Math.max(0, least * weightOf(user) - view.served(user));
      const missed = new Map(users.map((user) => [user, missedBy(user)]));
      // A job that trains counts as less served, by a quantum, so that two users do not change places at every iteration.
      const had = (job: FleetJob): number => {
        const held = job.pipeline === undefined ? 0 : QUANTUM * job.tokens;
        return (view.served(job.user) + missed.get(job.user)! - held) / weightOf(job.user);
      };
      const shares = new Map([...view.waiting, ...view.placed].map((job) => [job, had(job)]));
      const compare = (a: FleetJob, b: FleetJob): number => shares.get(a)! - shares.get(b)! || byArrival(a, b);
      const [waiting, placed] = [[...view.waiting].sort(compare), [...view.placed].sort(compare)];
      const wishes = preemptively({ ...view, waiting, placed }, compare, {
        looksPast: 0,
        why: (job) => `${job.user} has had ${Math.round(view.served(job.user))} tokens`,
      });
      return { wishes, memory: Object.fromEntries(missed) };
    },
  };
}
