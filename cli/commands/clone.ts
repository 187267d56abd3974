import { flag, optionalText, requiredText } from "../command.ts";
import { askAbout, readOverrides } from "../job-files.ts";
import { onJobCommand } from "./on-job.ts";

export const cloneCommand = onJobCommand({
  name: "clone",
  describe: "a new job of a live fleet like one that is there",
  example: ["ann ann-2 --overrides lr.yaml --warm-start", "goes on from ann's adapter with another learning rate"],
  positionals: { "new-name": { type: "string", demandOption: true, describe: "name of the new job" } },
  options: {
    overrides: { type: "string", describe: "file with the keys that differ" },
    "warm-start": { type: "boolean", default: false, describe: "start from where the job's adapter is now" },
  },
  act: (fleet, job, args, io) => {
    const file = optionalText(args, "overrides");
    const own = file === undefined ? undefined : readOverrides(io, file);
    const clone = { name: requiredText(args, "new-name"), warmStart: flag(args, "warm-start") };
    if (own === undefined) return fleet.clone(job, clone);
    return askAbout(own, () => fleet.clone(job, { ...clone, overrides: own.job }), "overrides.");
  },
});
