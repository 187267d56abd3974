import { closeSync, openSync, readSync, statSync } from "node:fs";
import { InputError } from "../../core/index.ts";
import type { FileSource } from "../../datasets/index.ts";
import { absolute, silent } from "../../files/index.ts";
import { COLUMN_NAMES, ROLE_NAMES } from "../../plan/index.ts";
import { estimateRun, inspectData, inspectWorkload, problemsOf } from "../../workbench/index.ts";
import {
  type Arguments,
  type Command,
  flag,
  optionalCount,
  optionalText,
  requiredText,
  type Use,
  withDefaults,
} from "../command.ts";
import { dataText, rowJson } from "../describe-data.ts";
import { workloadDataFacts, workloadDataText } from "../describe-workload-data.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { printResult } from "../output.ts";
import { COST_OPTIONS, DEVICE_OPTIONS, PLAN_OPTIONS } from "../plan-options.ts";
import { contextOf, planChoices, requestChoice } from "../request-options.ts";
import { firstRecords, showRows } from "../show-rows.ts";
import { PageRows, writeDataPage, writeWorkloadPage } from "../write-data-page.ts";
import { pageAssets } from "../write-report.ts";

/** What is looked at beside the counts. */
const LOOK_OPTIONS = {
  show: {
    type: "number",
    describe: "print so many rows as text, both answers of a pair; with -o: so many on the page, of each kind",
  },
  output: { type: "string", alias: "o", writes: true, describe: "write a page (HTML) with the rows, token by token" },
} as const satisfies OptionTable;

const ROWS: Use = {
  input: "rows",
  options: {
    tokenizer: {
      type: "string",
      describe: "folder with tokenizer.json and tokenizer_config.json; rows of token ids need none",
    },
    format: {
      type: "string",
      choices: ["instruction", "chat", "text", "tokens", "segments", "preference", "unpaired"],
      describe: "how rows are read; by the first row when absent",
    },
    prompt: { type: "string", describe: "template of what is not trained, with {{field}}", beside: "response" },
    response: { type: "string", describe: "template of what is trained, with {{field}}", beside: "prompt" },
    field: { type: "string", describe: "column of the text or of the messages" },
    fields: { type: "string", describe: "what the file calls columns: messages=dialog,role=speaker" },
    roles: { type: "string", describe: "what it calls roles: user=customer,assistant=agent" },
    turns: {
      type: "string",
      choices: ["all", "last", "marked"],
      describe: "which of the assistant's turns are trained; marked: by the template's generation marks",
    },
    "train-on-inputs": { type: "boolean", describe: "train what is not an answer, too" },
    like: {
      type: "string",
      choices: ["trl", "axolotl", "llamafactory"],
      describe: "read rows as this library reads them by default",
    },
    "chat-template": {
      type: "string",
      describe: "in place of the model's: chatml, llama2, llama3, mistral, gemma, phi3, zephyr, vicuna, or a file",
    },
    split: { type: "string", describe: "files of a folder, or the list of a JSON object" },
    limit: { type: "number", describe: "only the first so many rows" },
    "cutoff-length": { type: "number", describe: "tokens that a row keeps" },
    ...LOOK_OPTIONS,
  },
};

const WORKLOAD: Use = {
  input: "a workload",
  options: { ...DEVICE_OPTIONS, ...COST_OPTIONS, ...LOOK_OPTIONS },
  instead: () => "The workload says how its rows are read.",
};

/** A workload says so in its first bytes. */
const FIRST_BYTES = 65536;

function firstText(file: string): string {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return "";
  const opened = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(FIRST_BYTES);
    return bytes.toString("utf8", 0, readSync(opened, bytes, 0, FIRST_BYTES, 0));
  } finally {
    closeSync(opened);
  }
}

/** By its name, and by what it says of itself where rows may have the same name. */
function isWorkload(io: Io, file: string): boolean {
  if (/\.ya?ml$/i.test(file)) return true;
  if (!/\.json$/i.test(file)) return false;
  const text = firstText(absolute(io, file));
  return /^\s*\{/.test(text) && /"kind"\s*:\s*"workload"/.test(text);
}

/** "a=b,c=d". @throws InputError for what is no such list, and for another name than these */
function optionalPairs(
  args: Arguments,
  name: string,
  names: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const text = optionalText(args, name);
  if (text === undefined) return undefined;
  const pairs = text.split(",").map((pair): readonly [string, string] => {
    const [key = "", ...value] = pair.split("=");
    return [key.trim(), value.join("=").trim()];
  });
  if (pairs.some((pair) => pair.includes("")))
    throw new InputError({ expected: "pairs as in a=b,c=d", at: `--${name}`, got: text });
  const wrong = pairs.find(([key]) => !names.includes(key));
  if (wrong !== undefined)
    throw new InputError({ expected: `one of ${names.join(", ")}`, at: `--${name}`, got: wrong[0] });
  return Object.fromEntries(pairs);
}

function rolesOf(args: Arguments): FileSource["roles"] {
  const pairs = optionalPairs(args, "roles", ROLE_NAMES);
  return pairs === undefined
    ? undefined
    : Object.fromEntries(Object.entries(pairs).map(([role, name]) => [role, [name]]));
}

async function lookAtRows(io: Io, args: Arguments): Promise<number> {
  const source: FileSource = {
    path: requiredText(args, "file"),
    format: optionalText(args, "format") as FileSource["format"],
    prompt: optionalText(args, "prompt"),
    response: optionalText(args, "response"),
    field: optionalText(args, "field"),
    fields: optionalPairs(args, "fields", COLUMN_NAMES) as FileSource["fields"],
    roles: rolesOf(args),
    turns: optionalText(args, "turns") as FileSource["turns"],
    trainOnInputs: flag(args, "train-on-inputs") ? true : undefined,
    like: optionalText(args, "like") as FileSource["like"],
    chatTemplate: optionalText(args, "chat-template"),
    split: optionalText(args, "split"),
    limit: optionalCount(args, "limit"),
  };
  const context = contextOf(io, args);
  const [isJson, show, output] = [flag(args, "json"), optionalCount(args, "show"), optionalText(args, "output")];
  if (output !== undefined) pageAssets("data");
  const mostShown = isJson || output !== undefined ? 0 : (show ?? 0);
  const shown = firstRecords(mostShown);
  let page: PageRows | undefined;
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
      async (row, tokenizer) => {
        shown.add(row);
        if (output !== undefined) {
          page ??= new PageRows(tokenizer, show);
          page.add(row);
        }
        if (!isJson) return;
        io.stdout(`${rowJson(row)}\n`);
        // Nobody reads on, as behind `| head`.
        if ((await io.stdoutTaken?.()) === false) io.exit?.(0);
      },
      tell,
    ),
  );
  if (output !== undefined) writeDataPage(io, output, data, page ?? new PageRows(data.tokenizer, show));
  if (!isJson) {
    io.stdout(`${dataText(data)}\n${output === undefined ? "" : `\npage written to ${output}\n`}`);
    showRows(io, shown.rows, data.tokenizer);
  }
  return data.facts.numRefused === 0 && data.facts.tokens.scored > 0 ? 0 : 1;
}

async function lookAtWorkload(io: Io, args: Arguments): Promise<number> {
  const [file, show, output] = [requiredText(args, "file"), optionalCount(args, "show"), optionalText(args, "output")];
  if (output !== undefined) pageAssets("data");
  const context = contextOf(io, args);
  const data = await context.during("reading data", (tell) => inspectWorkload(context, file, tell));
  const isWrong = problemsOf(data, "error").length > 0;
  const asksForEstimate = Object.keys({ ...DEVICE_OPTIONS, ...COST_OPTIONS }).some((name) => args[name] !== undefined);
  const request = { ...requestChoice(args, planChoices(withDefaults(PLAN_OPTIONS, args))), rows: data.reader };
  const estimate =
    asksForEstimate && !isWrong
      ? await estimateRun(context, file, { request, intervals: undefined, price: undefined })
      : undefined;
  if (output !== undefined) writeWorkloadPage(io, output, data, show);
  printResult(io, args, workloadDataFacts(data, estimate), () =>
    [workloadDataText(data, estimate), ...(output === undefined ? [] : ["", `page written to ${output}`])].join("\n"),
  );
  if (!flag(args, "json") && output === undefined && show !== undefined)
    for (const source of data.sources) {
      const shown = firstRecords(show);
      source.read(shown.add);
      showRows(io, shown.rows, data.tokenizer);
    }
  return isWrong ? 1 : 0;
}

export const dataCommand: Command = {
  usage: "data <file>",
  describe:
    "before training: what the rows of a file or of a workload become, token by token, and which of these are trained",
  examples: [
    ["$0 data talks.jsonl --tokenizer model/ --show 3", "three rows with what is trained of them marked"],
    ["$0 data talks.jsonl --tokenizer model/ --cutoff-length 2048 -o data.html", "a page; and what a cutoff takes"],
    [
      "$0 data talks.jsonl --tokenizer model/ --json",
      "a JSON object a row: input_ids and labels, or why it is refused",
    ],
    ["$0 data w.yaml --devices cpu", "all jobs of a workload: rows, leaks into the evaluation, steps, time and memory"],
  ],
  positionals: {
    file: {
      type: "string",
      demandOption: true,
      describe: "file or folder of rows, hf:datasets/owner/name, or a workload",
    },
  },
  uses: [ROWS, WORKLOAD],
  useOf: (args, io) => (isWorkload(io, requiredText(args, "file")) ? WORKLOAD : ROWS),
  run: (args, io, use) => (use === WORKLOAD ? lookAtWorkload(io, args) : lookAtRows(io, args)),
};
