import { type Command, requiredText } from "../command.ts";
import { DEFAULT_POLICY, POLICY_OPTION, SERVE_OPTIONS, servedBy, serveJobs } from "../serve-jobs.ts";

export const serveCommand: Command = {
  usage: "serve <workload>",
  runsOnRanks: true,
  describe: "keep pipelines warm and train jobs as they come, on this machine",
  examples: [
    ["$0 serve jobs.yaml -o run/", "takes more jobs by `loratwin submit run/ job.yaml`"],
    ["$0 serve jobs.yaml -o run/ --once", "ends with the workload's jobs"],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload whose jobs come over time" } },
  uses: [
    {
      input: "a workload",
      options: {
        output: {
          type: "string",
          alias: "o",
          writes: true,
          needed: true,
          describe:
            "run folder: setting, segments, journal, metrics, adapters, checkpoints, and the socket of the server",
        },
        policy: { ...POLICY_OPTION, default: DEFAULT_POLICY },
        ...SERVE_OPTIONS,
      },
    },
  ],
  run: (args, io) => serveJobs(io, args, servedBy(args, requiredText(args, "output"))),
};
