import { InputError } from "../../core/index.ts";
import { rankRun } from "../../runs/index.ts";
import { type Command, requiredText } from "../command.ts";
import { rankingText } from "../describe-ranking.ts";
import { printResult } from "../output.ts";

export const bestCommand: Command = {
  usage: "best <run>",
  describe: "which adapter of a run is the best by its evaluations, and which settings mattered",
  examples: [["$0 best run/", "jobs with the same held-out rows, the best first; also while they train"]],
  positionals: { run: { type: "string", demandOption: true, describe: "folder of a run" } },
  uses: [{ input: "a run", options: {} }],
  async run(args, io) {
    const folder = requiredText(args, "run");
    const rankings = rankRun(io, folder);
    if (rankings.length === 0)
      throw new InputError({
        expected: "at least two jobs that were evaluated on the same rows",
        file: folder,
        got: "none",
        hint: "`evaluation` in the workload has rows held out, and jobs evaluated on them.",
      });
    printResult(io, args, { rankings }, () => rankings.map(rankingText).join("\n\n"));
    return 0;
  },
};
