import { replayRun } from "../../runs/index.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { contextOf } from "../request-options.ts";
import { SIMULATED_OPTIONS, tellSimulated } from "../tell-simulated.ts";

export const replayCommand: Command = {
  usage: "replay <run> [trace]",
  describe: "a run again in virtual time, with the times that its actions really took; how far off the simulator is",
  examples: [
    ["$0 replay run/", "a run, as far as it got"],
    ["$0 replay plan.json executed.json", "a plan, with the times of a run of it"],
  ],
  positionals: {
    run: { type: "string", demandOption: true, describe: "run folder, or a plan file beside a trace" },
    trace: { type: "string", describe: "executed trace of the plan, or the folder of its run" },
  },
  uses: [{ input: "a run", options: SIMULATED_OPTIONS }],
  run(args, io) {
    const replayed = replayRun(contextOf(io, args), requiredText(args, "run"), optionalText(args, "trace"));
    return tellSimulated(io, args, { plan: replayed.plan, trace: replayed.replayed, replayed });
  },
};
