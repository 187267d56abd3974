import { POLICIES } from "../../plan/index.ts";
import { type Arguments, type Command, optionalText, requiredText } from "../command.ts";
import { describeWhatIf } from "../describe-what-if.ts";
import { FLEET_POSITIONAL, fleetOf, fleetUse } from "../fleet-options.ts";
import type { Io } from "../io.ts";
import { askAbout, readOneJob } from "../job-files.ts";
import { printResult } from "../output.ts";
import { isWorkload, WHAT_IF_WORKLOAD, whatIfWorkload } from "../what-if-workload.ts";

const LIVE = fleetUse({ policy: { type: "string", choices: POLICIES, describe: "instead of the fleet's own" } });

async function whatIfLive(io: Io, args: Arguments, file: string): Promise<number> {
  const job = readOneJob(io, file);
  const policy = optionalText(args, "policy");
  const fleet = fleetOf(args, io);
  const answer = await askAbout(job, () => fleet.whatIf(job.job, policy), "job.");
  printResult(io, args, answer, () => describeWhatIf(job.written.name, answer));
  return answer.admitted ? 0 : 2;
}

export const whatIfCommand: Command = {
  usage: "what-if <run> <job>",
  describe:
    "what happens if a job comes: its start and end, the jobs that it delays, or why it is refused; changes nothing",
  examples: [
    [
      "$0 what-if run/ job.yaml --policy sjf",
      "a job that comes to a live fleet now, under another policy than its own",
    ],
    ["$0 what-if jobs.yaml job.yaml --at 60", "one that comes a minute after a workload's start, simulated"],
  ],
  positionals: {
    run: { ...FLEET_POSITIONAL, describe: `workload file (.yaml, .json); ${FLEET_POSITIONAL.describe}` },
    job: { type: "string", demandOption: true, describe: "file with one job" },
  },
  uses: [LIVE, WHAT_IF_WORKLOAD],
  useOf: (args) => (isWorkload(args) ? WHAT_IF_WORKLOAD : LIVE),
  run: (args, io, use) => (use === WHAT_IF_WORKLOAD ? whatIfWorkload : whatIfLive)(io, args, requiredText(args, "job")),
};
