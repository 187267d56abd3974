import { counted } from "../../core/index.ts";
import { endOf } from "../../runs/index.ts";
import { type Command, requiredText } from "../command.ts";
import { endLines, NOT_AS_PLANNED } from "../describe-end.ts";
import { printResult } from "../output.ts";

export const checkRunCommand: Command = {
  usage: "check-run <run>",
  describe: "whether a run has ended as planned, for launchers: exit code 0, or 1 and what is missing",
  examples: [
    ["$0 check-run run/", "what is missing of a run, if anything"],
    ["mpirun ... && $0 check-run run/", "mpirun can end with 0 though the run has not ended"],
  ],
  positionals: { run: { type: "string", demandOption: true, describe: "run folder, or that of a live fleet" } },
  uses: [{ input: "a run folder", options: {} }],
  run(args, io) {
    const folder = requiredText(args, "run");
    const end = endOf(io, folder);
    const { kind, isAsPlanned, missing, stopped, numAdapters } = end;
    const reasons = { missing, stopped: Object.fromEntries(stopped) };
    printResult(io, args, { run: folder, kind, asPlanned: isAsPlanned, numAdapters, ...reasons }, () => {
      const adapters = counted(numAdapters, "adapter");
      const first = isAsPlanned ? `has ended as planned, with ${adapters}` : "has not ended as planned";
      return [`${folder}: ${first}`, ...endLines(folder, end)].join("\n");
    });
    return isAsPlanned ? 0 : NOT_AS_PLANNED;
  },
};
