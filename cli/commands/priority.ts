import { InputError } from "../../core/index.ts";
import { optionalNumber } from "../command.ts";
import { onJobCommand } from "./on-job.ts";

export const priorityCommand = onJobCommand({
  name: "priority",
  describe: "give a job of a live fleet another priority",
  example: ["ann 5", "the larger goes first, under policies that look at it"],
  positionals: { number: { type: "number", demandOption: true, describe: "whole number" } },
  act: async (fleet, job, args) => {
    const priority = optionalNumber(args, "number");
    if (!Number.isSafeInteger(priority))
      throw new InputError({ expected: "a whole number", at: "number", got: priority });
    return fleet.setPriority(job, priority!);
  },
  pending: ({ priority }) => `has priority ${priority} now`,
});
