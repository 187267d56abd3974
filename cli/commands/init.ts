import { initWorkload } from "../../workbench/index.ts";
import { type Command, flag, optionalCount, optionalText, requiredText } from "../command.ts";
import { nextCommands } from "../next-commands.ts";
import { pick } from "../option-table.ts";
import { printResult, table } from "../output.ts";
import { DEVICE_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { contextOf } from "../request-options.ts";
import { NEW_WORKLOAD_OPTIONS } from "../workload-options.ts";

export const initCommand: Command = {
  usage: "init <data..>",
  describe: "write a workload for your data and model: a job a file, and for each value why",
  examples: [
    ["$0 init talks.jsonl --model models/llama", "one adapter, in workload.yaml"],
    ["$0 init math.jsonl code.parquet --model hf:owner/name --epochs 2 -o both.yaml", "two, trained together"],
  ],
  positionals: {
    data: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "files or folders of rows, or hf:datasets/owner/name",
    },
  },
  uses: [
    {
      input: "data",
      options: {
        model: { type: "string", demandOption: true, describe: "model folder, or hf:owner/name" },
        rank: { type: "number", describe: "rank of the adapters" },
        epochs: { type: "number", describe: "how often each row is trained on" },
        prompt: { type: "string", describe: "template of what is not trained, with {{field}}", beside: "response" },
        response: { type: "string", describe: "template of what is trained, with {{field}}", beside: "prompt" },
        ...pick(DEVICE_OPTIONS, "devices"),
        ...NEW_WORKLOAD_OPTIONS,
        ...CACHE_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const written = await initWorkload(contextOf(io, args), {
      data: args["data"] as readonly string[],
      model: requiredText(args, "model"),
      output: requiredText(args, "output"),
      overwrite: flag(args, "overwrite"),
      rank: optionalCount(args, "rank"),
      epochs: optionalCount(args, "epochs"),
      devices: optionalText(args, "devices"),
      prompt: optionalText(args, "prompt"),
      response: optionalText(args, "response"),
    });
    printResult(io, args, written, () =>
      [
        table(
          ["job", "rows", "steps"],
          written.jobs.map(({ name, rows, steps }) => [name, String(rows), String(steps)]),
        ),
        "",
        `written to ${written.file}`,
        ...nextCommands(written.file, optionalText(args, "devices")),
      ].join("\n"),
    );
    return 0;
  },
};
