import { explorerPageData, renderExplorer } from "../../explorer/index.ts";
import { VERSION, writeOutput } from "../../files/index.ts";
import { today } from "../../workbench/index.ts";
import { type Command, requiredText } from "../command.ts";
import { printResult } from "../output.ts";
import { browserAsset } from "../write-report.ts";

export const exploreCommand: Command = {
  usage: "explore",
  describe: "a page in which planner and simulator run: change GPUs, adapters and schedule, and see what follows",
  examples: [["$0 explore -o explore.html", "open it in a browser: it needs no network and no server"]],
  positionals: {},
  uses: [
    {
      input: "the planner and the simulator",
      options: {
        output: {
          type: "string",
          alias: "o",
          writes: true,
          demandOption: true,
          describe: "where to write the page (HTML)",
        },
      },
    },
  ],
  run(args, io) {
    const output = requiredText(args, "output");
    const worker = browserAsset("explorer", "worker.js");
    const assets = { script: browserAsset("explorer", "client.js"), style: browserAsset("explorer", "client.css") };
    const solver = browserAsset("explorer", "solver.txt");
    const data = explorerPageData({ worker, solver, date: today(), version: VERSION });
    writeOutput(io, output, renderExplorer(data, assets));
    printResult(io, args, { page: output }, () => `page written to ${output}`);
    return 0;
  },
};
