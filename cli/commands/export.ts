import { counted, formatBytes, shellQuoted, sum } from "../../core/index.ts";
import { absolute } from "../../files/index.ts";
import { checkWritten, trainingFacts } from "../../runs/index.ts";
import { EXPORT_TARGETS, type ExportTarget, exportAdapter, GGUF_TYPES } from "../../workbench/index.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { note, printResult, showProgress } from "../output.ts";

/** What a person does with the folder. */
function nextLine(to: ExportTarget, given: string): string {
  const folder = shellQuoted(given);
  switch (to) {
    case "merged":
      return `\`vllm serve ${folder}\`, or any program for models of the Hugging Face hub, reads it.`;
    case "gguf-model":
      return `\`llama-server -m ${shellQuoted(`${given}/model.gguf`)}\` serves it.`;
    case "gguf":
      return `\`llama-server -m BASE.gguf --lora ${shellQuoted(`${given}/adapter.gguf`)}\` serves it.`;
    case "ollama":
      return `\`ollama create NAME -f ${shellQuoted(`${given}/Modelfile`)}\` makes the model.`;
    case "peft":
      return "`PeftModel.from_pretrained` loads it; README.md says how.";
  }
}

export const exportCommand: Command = {
  usage: "export <adapter> <folder>",
  describe: "write an adapter as other programs take it: merged into its base, as GGUF, for Ollama, for PEFT",
  examples: [
    ["$0 export run/adapters/first served --to merged", "a model with the adapter in it, for any server"],
    ["$0 export run/adapters/first served --to gguf-model --type q8_0", "the same in one file, for llama.cpp"],
    ["$0 export run/adapters/first served --to ollama --from llama3.2", "a Modelfile, and the adapter as GGUF"],
  ],
  positionals: {
    adapter: { type: "string", demandOption: true, describe: "PEFT folder: RUN/adapters/NAME, or anyone's" },
    folder: { type: "string", demandOption: true, describe: "folder to write, which is not there yet" },
  },
  uses: [
    {
      input: "an adapter",
      options: {
        to: { type: "string", choices: EXPORT_TARGETS, demandOption: true, describe: "what takes it" },
        base: { type: "string", describe: "the base model's folder (default: as the adapter or its run names it)" },
        from: {
          type: "string",
          describe: "for ollama: the base there, a model's name or a GGUF (default: its folder)",
        },
        type: {
          type: "string",
          choices: GGUF_TYPES,
          describe: "for gguf-model: how numbers are stored (default: q8_0); those behind q8_0 need llama-quantize",
        },
        quantizer: {
          type: "string",
          describe: "for gguf-model: llama.cpp's llama-quantize (default: that on the PATH)",
        },
      },
    },
  ],
  async run(args, io) {
    const [adapter, output] = [requiredText(args, "adapter"), requiredText(args, "folder")];
    const to = requiredText(args, "to") as ExportTarget;
    showProgress(io, args, `writing ${output} ...`);
    checkWritten(absolute(io, adapter));
    const result = await exportAdapter(io, {
      ...{ adapter, output, to },
      base: optionalText(args, "base"),
      from: optionalText(args, "from"),
      type: optionalText(args, "type"),
      quantizer: optionalText(args, "quantizer"),
      facts: trainingFacts(io, adapter),
    });
    for (const text of result.notes) note(io, args, text);
    printResult(io, args, result, () =>
      [
        `${output}: ${adapter} for ${to}, ${counted(result.modules, "module")}, ${formatBytes(sum(result.files.map(({ bytes }) => bytes)))}`,
        `base: ${result.base}`,
        ...result.files.map(({ name, bytes }) => `  ${name}  ${formatBytes(bytes)}`),
        nextLine(to, output),
      ].join("\n"),
    );
    return 0;
  },
};
