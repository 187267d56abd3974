import { isOver } from "../../server/index.ts";
import { AFTER_ITERATION, onJobCommand } from "./on-job.ts";

export const cancelCommand = onJobCommand({
  name: "cancel",
  describe: "end a job of a live fleet; what its adapter has learned is kept",
  example: ["ann", "after the iteration that it is in"],
  act: (fleet, job) => fleet.cancel(job),
  pending: (job) => (isOver(job) ? undefined : `is to end${job.pipeline === null ? "" : AFTER_ITERATION}`),
});
