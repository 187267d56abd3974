import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../core/index.ts";
import { absolute, folderHolder, writeOutput } from "../../files/index.ts";
import { onInterrupt, RUN_FILES } from "../../runs/index.ts";
import { type Command, flag, requiredText } from "../command.ts";
import { printResult } from "../output.ts";

const LOOK_EVERY_MS = 500;

export const noticeCommand: Command = {
  usage: "notice <run>",
  describe: "tell a run that its machine is to be taken away: it ends with a checkpoint, with exit code 75",
  examples: [
    ["$0 notice run/", "and `resume run/` goes on, here or elsewhere"],
    ["$0 notice run/ --wait", "for a script that must not end before the run"],
  ],
  positionals: { run: { type: "string", demandOption: true, describe: "folder of a run that goes on" } },
  uses: [
    {
      input: "a run folder",
      options: { wait: { type: "boolean", default: false, describe: "end once the run has ended" } },
    },
  ],
  async run(args, io) {
    const folder = requiredText(args, "run");
    const isThere = (): boolean => folderHolder(absolute(io, folder)) !== undefined;
    if (!isThere())
      throw new InputError({
        expected: "a run that goes on, or starts",
        at: "run",
        got: folder,
        hint: "Nobody writes the folder: `loratwin check-run` says how far the run got.",
      });
    writeOutput(io, path.join(folder, RUN_FILES.notice), `${new Date().toISOString()}\n`);
    if (flag(args, "wait")) {
      const stop = new AbortController();
      const end = (): void => stop.abort();
      using _interrupt = io.signals === undefined ? undefined : onInterrupt(io.signals, end, end);
      while (isThere() && !stop.signal.aborted)
        await sleep(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
    printResult(io, args, { run: folder, noticed: true }, () => `${folder} is told`);
    return 0;
  },
};
