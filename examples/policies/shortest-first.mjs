// A job scheduler of your own:
//
//   loratwin simulate examples/jobs-over-time.yaml --cluster examples/gpu-cluster.yaml --jobs-at-once 2 \
//     --policy examples/policies/shortest-first.mjs
//
// The shortest predicted time left goes first, but nobody waits for ever: once a job has waited for longer than
// PATIENCE times what it needs, it goes before all that have not.
//
// The default export is a function that makes the policy for some machines, or a policy by itself. The types are
// `Resources`, `PolicyTools`, `Policy` and `FleetView` of plan/index.ts, where what they hold is explained.

/** A job may wait so many times as long as it trains. */
const PATIENCE = 8;

/**
 * @param {import("../../plan/index.ts").Resources} resources the machines: room, and predicted times
 * @param {import("../../plan/index.ts").PolicyTools} tools `preemptively`, `takeInTurn`: jobs in an order to pipelines
 * @returns {import("../../plan/index.ts").Policy}
 */
export default function shortestFirst(resources, { preemptively, byArrival, predictedLeft }) {
  const leftNs = (job) => predictedLeft(job) * resources.iterationNs(job);

  return {
    name: "shortest-first",
    describe: "the shortest predicted time left first, of those that wait not too long",

    // The order in which jobs are listed in what `decide` sees. It may compare only what changes by an event of one of
    // the two jobs, such as what is left of it, and not the time, say.
    compare: (a, b) => leftNs(a) - leftNs(b) || byArrival(a, b),

    // When it is asked: after "changes" (jobs that come, go or change), or "progress" with it, or all "iterations".
    watches: "progress",

    // What it remembers between decisions, as JSON can hold it. Nothing else may be kept: the same view and memory
    // have to give the same decision, so that a journal can be replayed.
    initial: null,

    decide(view, memory) {
      const isLate = (job) => job.done === 0 && view.nowNs - job.arrivalNs > PATIENCE * leftNs(job);
      const order = (a, b) => Number(isLate(b)) - Number(isLate(a)) || leftNs(a) - leftNs(b) || byArrival(a, b);
      const sorted = { ...view, waiting: [...view.waiting].sort(order), placed: [...view.placed].sort(order) };
      // A wish is { job, pipeline, why }; `preemptively` makes as many of them as there is room for, in this order.
      const wishes = preemptively(sorted, order, {
        looksPast: 0,
        why: (job) => (isLate(job) ? "it has waited for long" : `${predictedLeft(job)} iterations are left`),
      });
      return { wishes, memory };
    },
  };
}
