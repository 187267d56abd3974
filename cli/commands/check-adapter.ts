import { textTable } from "../../core/index.ts";
import { absolute } from "../../files/index.ts";
import { checkWritten, trainingFacts } from "../../runs/index.ts";
import {
  type AdapterFinding,
  type CheckedAdapter,
  CONSUMERS,
  type Consumer,
  type ConsumerCheck,
  checkAdapter,
  effectiveText,
  takesEffect,
} from "../../workbench/index.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { note, printResult, WIDTH, wrapped, wrappedTo } from "../output.ts";

/** The exit code of a check that failed. */
const NOT_ALL = 1;
/** Modules or tensors that are named one by one. */
const MOST_NAMED = 3;

function whereText(where: readonly string[]): string {
  const named = where.slice(0, MOST_NAMED).join(", ");
  return where.length <= MOST_NAMED ? named : `${named} and ${where.length - MOST_NAMED} more`;
}

/** A sentence in lines, all of them that far in. */
function indented(text: string, columns: number): readonly string[] {
  return wrappedTo(WIDTH - columns, text).map((line) => " ".repeat(columns) + line);
}

function findingLines({ effect, about, where, says, instead }: AdapterFinding): readonly string[] {
  return [`${effect}: ${about}`, whereText(where), says, instead].flatMap((text, line) =>
    indented(text, line === 0 ? 2 : 4),
  );
}

function consumerLines(check: ConsumerCheck, { modules }: CheckedAdapter): readonly string[] {
  return [
    `${check.title}: ${effectiveText(check, modules)} take effect`,
    ...check.findings.flatMap(findingLines),
    ...indented(`source: ${check.source}`, 2),
  ];
}

function tableOf({ consumers, modules }: CheckedAdapter): string {
  return textTable(
    [
      ["served by", "take effect", "findings"],
      ...consumers.map((check) => [
        check.title,
        effectiveText(check, modules),
        takesEffect(check) ? "none" : check.findings.map(({ effect, about }) => `${effect}: ${about}`).join("; "),
      ]),
    ],
    () => "left",
  ).join("\n");
}

/** What is to be done, once for all of those that ask for it. */
function todoLines({ consumers }: CheckedAdapter): readonly string[] {
  const todo = new Map<string, string[]>();
  for (const { title, findings } of consumers)
    for (const instead of new Set(findings.map((finding) => finding.instead)))
      todo.set(instead, [...(todo.get(instead) ?? []), title]);
  return [...todo].flatMap(([instead, titles]) => wrapped(`${titles.join(", ")}: ${instead}`));
}

export const checkAdapterCommand: Command = {
  usage: "check-adapter <adapter>",
  describe: "which parts of an adapter take effect where it is served: exit code 0 for all, else 1",
  examples: [
    ["$0 check-adapter run/adapters/first", "PEFT, vLLM, SGLang, llama.cpp and Ollama in a table"],
    ["$0 check-adapter run/adapters/first --for vllm", "what vLLM makes of it, and what to do"],
  ],
  positionals: {
    adapter: { type: "string", demandOption: true, describe: "PEFT folder: RUN/adapters/NAME, or anyone's" },
  },
  uses: [
    {
      input: "an adapter",
      options: {
        for: { type: "string", choices: CONSUMERS, describe: "what serves it; all when absent" },
        base: { type: "string", describe: "the base model's folder (default: as the adapter or its run names it)" },
      },
    },
  ],
  async run(args, io) {
    const adapter = requiredText(args, "adapter");
    const consumer = optionalText(args, "for") as Consumer | undefined;
    checkWritten(absolute(io, adapter));
    const checked = await checkAdapter(io, {
      adapter,
      consumers: consumer === undefined ? CONSUMERS : [consumer],
      base: optionalText(args, "base"),
      ofRun: trainingFacts(io, adapter)?.base,
    });
    for (const text of checked.notes) note(io, args, text);
    printResult(io, args, checked, () =>
      (consumer === undefined
        ? [tableOf(checked), ...todoLines(checked)]
        : checked.consumers.flatMap((check) => consumerLines(check, checked))
      ).join("\n"),
    );
    return checked.consumers.every(takesEffect) ? 0 : NOT_ALL;
  },
};
