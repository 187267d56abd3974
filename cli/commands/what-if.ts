import { InputError } from "../../core/index.ts";
import { POLICIES, type PolicyName } from "../../plan/index.ts";
import { whatIfOfWorkload } from "../../workbench/index.ts";
import { type Command, optionalNumber, requiredText } from "../command.ts";
import { describeWhatIf } from "../describe-what-if.ts";
import { printResult } from "../output.ts";
import { INTERVAL_OPTIONS } from "../prediction-options.ts";
import { contextOf, fleetChoices, intervalChoice, requestChoice } from "../request-options.ts";
import { FLEET_PLAN_OPTIONS } from "../simulate-fleet.ts";

export const whatIfCommand: Command = {
  usage: "what-if <workload>",
  describe: "what would happen if a job came: start, end, whom it delays, or why it is refused; nothing is changed",
  examples: [
    ["$0 what-if jobs.yaml --submit job.yaml --at 60", "a job that comes a minute after the workload's start"],
    ["$0 what-if jobs.yaml --submit job.yaml --policy sjf", "where the shortest job goes first"],
  ],
  positionals: {
    workload: { type: "string", demandOption: true, describe: "workload file: the jobs that it comes to" },
  },
  uses: [
    {
      input: "a workload",
      options: {
        submit: { type: "string", demandOption: true, describe: "file with the job, as a workload's jobs are written" },
        at: { type: "number", default: 0, describe: "when it comes, in seconds since the workload's start" },
        policy: { type: "string", choices: POLICIES, default: "mlora", describe: "who says which job trains when" },
        ...FLEET_PLAN_OPTIONS,
        ...INTERVAL_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const atSeconds = optionalNumber(args, "at") ?? 0;
    if (atSeconds < 0) throw new InputError({ expected: "a number of at least 0", at: "--at", got: atSeconds });
    const { name, answer } = await whatIfOfWorkload(
      contextOf(io, args),
      requiredText(args, "workload"),
      requestChoice(args, fleetChoices(args)),
      {
        file: requiredText(args, "submit"),
        atSeconds,
        policy: requiredText(args, "policy") as PolicyName,
        intervals: intervalChoice(args),
      },
    );
    printResult(io, args, { name, ...answer }, () => describeWhatIf(name, answer, atSeconds));
    return answer.admitted ? 0 : 2;
  },
};
