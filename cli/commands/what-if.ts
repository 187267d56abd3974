import { POLICIES } from "../../plan/index.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { describeWhatIf } from "../describe-what-if.ts";
import { FLEET_POSITIONAL, fleetOf, fleetUse } from "../fleet-options.ts";
import { askAbout, readOneJob } from "../job-files.ts";
import { printResult } from "../output.ts";

export const whatIfCommand: Command = {
  usage: "what-if <run> <job>",
  describe: "what would happen if a job came now: start, end, whom it delays; nothing is changed",
  examples: [["$0 what-if run/ job.yaml --policy sjf", "under another policy than the fleet's"]],
  positionals: {
    run: FLEET_POSITIONAL,
    job: { type: "string", demandOption: true, describe: "file with one job" },
  },
  uses: [
    fleetUse({
      policy: { type: "string", choices: POLICIES, describe: "instead of the fleet's own" },
    }),
  ],
  async run(args, io) {
    const job = readOneJob(io, requiredText(args, "job"));
    const policy = optionalText(args, "policy");
    const fleet = fleetOf(args, io);
    const answer = await askAbout(job, () => fleet.whatIf(job.job, policy), "job.");
    const { uptimeSeconds } = await fleet.status();
    printResult(io, args, answer, () => describeWhatIf(job.written.name, answer, uptimeSeconds));
    return answer.admitted ? 0 : 2;
  },
};
