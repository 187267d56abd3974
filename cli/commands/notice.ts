import path from "node:path";
import { InputError } from "../../core/index.ts";
import { writeOutput } from "../../files/index.ts";
import { isFolderGoingOn, RUN_FILES } from "../../runs/index.ts";
import { type Command, requiredText } from "../command.ts";
import { printResult } from "../output.ts";

export const noticeCommand: Command = {
  usage: "notice <run>",
  describe: "tell a run that its machine is to be taken away: it ends with a checkpoint, with exit code 75",
  examples: [["$0 notice run/", "and `resume run/` goes on, here or elsewhere"]],
  positionals: { run: { type: "string", demandOption: true, describe: "folder of a run that goes on" } },
  uses: [{ input: "a run folder", options: {} }],
  run(args, io) {
    const folder = requiredText(args, "run");
    if (!isFolderGoingOn(io, folder)) throw new InputError({ expected: "a run that goes on", at: "run", got: folder });
    writeOutput(io, path.join(folder, RUN_FILES.notice), `${new Date().toISOString()}\n`);
    printResult(io, args, { run: folder, noticed: true }, () => `${folder} is told`);
    return 0;
  },
};
