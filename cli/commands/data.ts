import { InputError, shellQuoted } from "../../core/index.ts";
import type { FileSource } from "../../datasets/index.ts";
import { inspectData } from "../../workbench/index.ts";
import { type Command, flag, optionalCount, optionalText, requiredText } from "../command.ts";
import { dataLines, dataText } from "../describe-data.ts";
import { contextOf } from "../request-options.ts";

export const dataCommand: Command = {
  usage: "data <file>",
  describe: "before training: what a file's rows become, token by token, and which of these are trained",
  examples: [
    ["$0 data talks.jsonl --tokenizer model/ --show 3", "three rows with what is trained of them marked"],
    ["$0 data talks.jsonl --tokenizer model/ --cutoff-length 2048", "what a cutoff takes"],
    [
      "$0 data talks.jsonl --tokenizer model/ --json",
      "a JSON object a row: input_ids and labels, or why it is refused",
    ],
  ],
  positionals: {
    file: { type: "string", demandOption: true, describe: "file or folder of rows, or hf:datasets/owner/name" },
  },
  uses: [
    {
      input: "rows",
      options: {
        tokenizer: {
          type: "string",
          describe: "folder with tokenizer.json and tokenizer_config.json; rows of token ids need none",
        },
        format: {
          type: "string",
          choices: ["instruction", "chat", "text", "tokens"],
          describe: "how rows are read; by the first row when absent",
        },
        prompt: { type: "string", describe: "template of what is not trained, with {{field}}", beside: "response" },
        response: { type: "string", describe: "template of what is trained, with {{field}}", beside: "prompt" },
        field: { type: "string", describe: "column of the text or of the messages" },
        turns: { type: "string", choices: ["all", "last"], describe: "which of the assistant's turns are trained" },
        split: { type: "string", describe: "files of a folder, or the list of a JSON object" },
        limit: { type: "number", describe: "only the first so many rows" },
        "cutoff-length": { type: "number", describe: "tokens that a row keeps" },
        show: { type: "number", describe: "print so many rows as text" },
      },
    },
  ],
  async run(args, io) {
    const file = requiredText(args, "file");
    if (/\.ya?ml$/i.test(file))
      throw new InputError({
        expected: "a file of rows",
        at: "file",
        got: file,
        hint: `\`loratwin validate ${shellQuoted(file)}\` checks a workload with the data that it names.`,
      });
    const source: FileSource = {
      path: file,
      format: optionalText(args, "format") as FileSource["format"],
      prompt: optionalText(args, "prompt"),
      response: optionalText(args, "response"),
      field: optionalText(args, "field"),
      turns: optionalText(args, "turns") as FileSource["turns"],
      split: optionalText(args, "split"),
      limit: optionalCount(args, "limit"),
    };
    const context = contextOf(io, args);
    const data = await context.during("reading data", () =>
      inspectData(context, {
        source,
        tokenizer: optionalText(args, "tokenizer"),
        cutoffLength: optionalCount(args, "cutoff-length"),
      }),
    );
    if (flag(args, "json")) for (const row of data.rows) io.stdout(`${JSON.stringify(row)}\n`);
    else io.stdout(`${[dataText(data), ...dataLines(data, optionalCount(args, "show") ?? 0)].join("\n")}\n`);
    return data.numRefused === 0 && data.tokens.scored > 0 ? 0 : 1;
  },
};
