import { onJobCommand } from "./on-job.ts";

export const unpauseCommand = onJobCommand({
  name: "unpause",
  describe: "let a paused job of a live fleet go on",
  example: ["ann", "in its turn, from where it was"],
  act: (fleet, job) => fleet.unpause(job),
  pending: ({ standing }) => (standing === "paused" ? "is to go on in its turn" : undefined),
});
