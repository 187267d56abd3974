import { onJobCommand } from "./on-job.ts";

export const resumeCommand = onJobCommand({
  name: "resume",
  describe: "let a paused job of a live fleet go on",
  example: ["ann", "in its turn, from where it was"],
  act: (fleet, job) => fleet.resume(job),
  pending: ({ standing }) => (standing === "paused" ? "is to go on in its turn" : undefined),
});
