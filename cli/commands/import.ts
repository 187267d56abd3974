import {
  FOREIGN_TOOLS,
  type ForeignTool,
  foundTexts,
  type ImportedWorkload,
  importWorkload,
  OUTCOMES,
  TOOL_NAMES,
  TRAINERS,
  type Trainer,
} from "../../workbench/index.ts";
import { type Arguments, type Command, flag, optionalCount, optionalText, requiredText } from "../command.ts";
import type { Io } from "../io.ts";
import { nextCommands } from "../next-commands.ts";
import { note, printResult, warn } from "../output.ts";
import { contextOf } from "../request-options.ts";
import { NEW_WORKLOAD_OPTIONS } from "../workload-options.ts";

/** Says of each key that is not as in the file what became of it. */
function tellFindings(io: Io, args: Arguments, { findings }: ImportedWorkload): void {
  for (const outcome of ["otherwise", "idle"] as const) {
    const texts = foundTexts(findings, outcome);
    if (texts.length > 0)
      note(io, args, `${OUTCOMES[outcome].toLowerCase()}:${texts.map((text) => `\n  ${text}`).join("")}`);
  }
  const texts = foundTexts(findings, "lacks");
  if (texts.length > 0) warn(io, `${OUTCOMES.lacks.toLowerCase()}:${texts.map((text) => `\n  ${text}`).join("")}`);
}

export const importCommand: Command = {
  usage: "import <file>",
  describe: "make a workload of a configuration of Axolotl, LLaMA-Factory, TRL, PEFT or mLoRA",
  examples: [
    ["$0 import lora.yml", "says of each key what became of it"],
    ["$0 import mlora.yaml --model models/llama --partial", "what can be taken over, although training differs"],
    ["$0 import adapter_config.json --data rows.jsonl", "an adapter like that one, on other rows"],
  ],
  positionals: { file: { type: "string", demandOption: true, describe: "configuration (YAML or JSON)" } },
  uses: [
    {
      input: "a configuration",
      options: {
        from: { type: "string", choices: FOREIGN_TOOLS, describe: "whose it is; by its keys when absent" },
        model: { type: "string", describe: "model folder or hf:owner/name, in place of the file's" },
        data: { type: "string", describe: "rows to train on, in place of the file's" },
        trainer: { type: "string", choices: TRAINERS, describe: "of TRL; by keys and rows when absent" },
        gpus: { type: "number", default: 1, describe: "GPUs that it was for: each had a batch of its own" },
        partial: { type: "boolean", default: false, describe: "write the workload also where training differs" },
        ...NEW_WORKLOAD_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const imported = await importWorkload(contextOf(io, args), {
      file: requiredText(args, "file"),
      from: optionalText(args, "from") as ForeignTool | undefined,
      output: requiredText(args, "output"),
      overwrite: flag(args, "overwrite"),
      model: optionalText(args, "model"),
      data: optionalText(args, "data"),
      trainer: optionalText(args, "trainer") as Trainer | undefined,
      gpus: optionalCount(args, "gpus")!,
      partial: flag(args, "partial"),
    });
    tellFindings(io, args, imported);
    const { file, from, isWritten, jobs } = imported;
    printResult(io, args, imported, () =>
      isWritten
        ? [
            `${TOOL_NAMES[from]}: ${jobs.length} job${jobs.length === 1 ? "" : "s"} (${jobs.join(", ")})`,
            `written to ${file}`,
            ...nextCommands(file),
          ].join("\n")
        : "nothing is written: training would differ. --partial writes the rest.",
    );
    return isWritten ? 0 : 1;
  },
};
