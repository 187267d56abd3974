import { AFTER_ITERATION, onJobCommand } from "./on-job.ts";

export const pauseCommand = onJobCommand({
  name: "pause",
  describe: "hold a job of a live fleet back",
  example: ["ann", "it gives way after the iteration that it is in"],
  act: (fleet, job) => fleet.pause(job),
  pending: ({ standing, pipeline }) =>
    standing === "paused" ? undefined : `is to be paused${pipeline === null ? "" : AFTER_ITERATION}`,
});
