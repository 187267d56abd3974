import { takeInTurn } from "../in-order.ts";
import { byArrival, type Policy } from "../policy.ts";

/** First come, first served, to the end: as many at once as fit, nobody goes past a job that does not. */
export const fifo: Policy = {
  name: "fifo",
  describe: "first come, first served, to the end",
  compare: byArrival,
  initial: null,
  watches: "changes",
  decide: (view) => ({
    wishes: takeInTurn(view.resources, [...view.placed, ...view.waiting], {
      looksPast: 0,
      why: (job) => (job.pipeline === undefined ? "it came first" : "it trains to its end"),
    }),
    memory: null,
  }),
};
