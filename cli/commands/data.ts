import type { FileSource } from "../../datasets/index.ts";
import { silent } from "../../files/index.ts";
import { inspectData, type SeenRow } from "../../workbench/index.ts";
import { type Command, flag, optionalCount, optionalText, requiredText } from "../command.ts";
import { dataLines, dataText, rowJson } from "../describe-data.ts";
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
    const source: FileSource = {
      path: requiredText(args, "file"),
      format: optionalText(args, "format") as FileSource["format"],
      prompt: optionalText(args, "prompt"),
      response: optionalText(args, "response"),
      field: optionalText(args, "field"),
      turns: optionalText(args, "turns") as FileSource["turns"],
      split: optionalText(args, "split"),
      limit: optionalCount(args, "limit"),
    };
    const context = contextOf(io, args);
    const isJson = flag(args, "json");
    const mostShown = isJson ? 0 : (optionalCount(args, "show") ?? 0);
    const shown: SeenRow[] = [];
    // A bar would stand between rows on the same terminal.
    const { during } = isJson && io.isStdoutTty === true ? silent(io.cwd) : context;
    const data = await during("reading data", (tell) =>
      inspectData(
        context,
        {
          source,
          tokenizer: optionalText(args, "tokenizer"),
          cutoffLength: optionalCount(args, "cutoff-length"),
        },
        async (row) => {
          if (shown.length < mostShown) shown.push(row);
          if (!isJson) return;
          io.stdout(`${rowJson(row)}\n`);
          // Nobody reads on, as behind `| head`.
          if ((await io.stdoutTaken?.()) === false) io.exit?.(0);
        },
        tell,
      ),
    );
    if (!isJson) io.stdout(`${[dataText(data), ...dataLines(data, shown)].join("\n")}\n`);
    return data.numRefused === 0 && data.tokens.scored > 0 ? 0 : 1;
  },
};
