import { InputError } from "../../core/index.ts";
import { POLICIES } from "../../plan/index.ts";
import { type Arguments, type Command, optionalText, type Use } from "../command.ts";
import { describeWhatIf } from "../describe-what-if.ts";
import { FLEET_POSITIONAL, fleetOf, fleetUse } from "../fleet-options.ts";
import type { Io } from "../io.ts";
import { askAbout, readOneJob } from "../job-files.ts";
import type { OptionTable } from "../option-table.ts";
import { printResult } from "../output.ts";
import { isWorkload, WHAT_IF_WORKLOAD, whatIfWorkload } from "../what-if-workload.ts";

/** The job's file can be said in both ways. */
const SUBMIT: OptionTable = {
  submit: { type: "string", describe: "file with one job, in place of the argument" },
};

const LIVE = fleetUse({
  ...SUBMIT,
  policy: { type: "string", choices: POLICIES, describe: "instead of the fleet's own" },
});
const WORKLOAD: Use = { ...WHAT_IF_WORKLOAD, options: { ...SUBMIT, ...WHAT_IF_WORKLOAD.options } };

/** @throws InputError unless one file is said */
function jobFile(args: Arguments): string {
  const [positional, option] = [optionalText(args, "job"), optionalText(args, "submit")];
  const file = positional ?? option;
  if (positional !== undefined && option !== undefined)
    throw new InputError({ expected: "a file with the job, either as an argument or as --submit", got: "both" });
  if (file === undefined)
    throw new InputError({
      expected: "a file with the job that would come",
      at: "--submit",
      got: undefined,
      hint: "`loratwin what-if WORKLOAD JOB.yaml`: the job is written as an entry of a workload's `jobs`.",
    });
  return file;
}

async function whatIfLive(io: Io, args: Arguments, file: string): Promise<number> {
  const job = readOneJob(io, file);
  const policy = optionalText(args, "policy");
  const fleet = fleetOf(args, io);
  const answer = await askAbout(job, () => fleet.whatIf(job.job, policy), "job.");
  const { uptimeSeconds } = await fleet.status();
  printResult(io, args, answer, () => describeWhatIf(job.written.name, answer, uptimeSeconds));
  return answer.admitted ? 0 : 2;
}

export const whatIfCommand: Command = {
  usage: "what-if <run> [job]",
  describe:
    "what happens if a job comes: its start and end, the jobs that it delays, or why it is refused; changes nothing",
  examples: [
    [
      "$0 what-if run/ job.yaml --policy sjf",
      "a job that comes to a live fleet now, under another policy than its own",
    ],
    ["$0 what-if jobs.yaml --submit job.yaml --at 60", "one that comes a minute after a workload's start, simulated"],
  ],
  positionals: {
    run: { ...FLEET_POSITIONAL, describe: `workload file (.yaml, .json); ${FLEET_POSITIONAL.describe}` },
    job: { type: "string", describe: "file with one job" },
  },
  uses: [LIVE, WORKLOAD],
  useOf: (args) => (isWorkload(args) ? WORKLOAD : LIVE),
  run: (args, io, use) => (use === WORKLOAD ? whatIfWorkload : whatIfLive)(io, args, jobFile(args)),
};
