import { counted, finite, InputError, maximum } from "../../core/index.ts";
import { absolute, isFolder } from "../../files/index.ts";
import { type Judgement, judgeAdapters, openBase, type Range, readQuestions, rowWay } from "../../inference/index.ts";
import { onInterrupt } from "../../runs/index.ts";
import {
  answerChoice,
  openAnswerer,
  ROW_FORM_OPTIONS,
  rowFormChoice,
  SOURCE_OPTIONS,
  severalTexts,
} from "../answer-options.ts";
import { type Command, flag, optionalCount, optionalNumber, optionalText, requiredText, type Use } from "../command.ts";
import { note, percent, printResult, table, warn, wholeText, wrapped } from "../output.ts";
import { contextOf } from "../request-options.ts";

const USE: Use = {
  input: "a run",
  options: {
    data: { type: "string", needed: true, describe: "file of rows that were not trained on" },
    match: { type: "boolean", describe: "answer each row, too, and count answers that are the expected ones" },
    answer: {
      type: "string",
      describe:
        "expression that takes out of an answer what is compared, such as '#### (.*)'; its last match, its first group",
      beside: "match",
    },
    "max-tokens": { type: "number", default: 256, describe: "tokens of an answer, at most", beside: "match" },
    stop: { type: "string", array: true, describe: "text that ends an answer", beside: "match" },
    level: { type: "number", default: 0.95, describe: "of the intervals: the share of them that is right" },
    ...ROW_FORM_OPTIONS,
    ...SOURCE_OPTIONS,
  },
};

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text, "gu");
  } catch (error) {
    throw new InputError({ expected: "a regular expression", at: "--answer", got: (error as Error).message });
  }
}

function rangeText([low, high]: Range, text: (value: number) => string): string {
  return Number.isFinite(low) && Number.isFinite(high) ? `${text(low)} to ${text(high)}` : "-";
}

const lossText = (value: number): string => value.toFixed(4);
const perplexityText = (value: number): string => (value < 1e5 ? value.toPrecision(4) : value.toExponential(2));

function judgementTable(judgements: readonly Judgement[]): string {
  const hasMatches = judgements.some(({ matched }) => matched !== undefined);
  return table(
    ["", "loss", "interval", "perplexity", "interval", ...(hasMatches ? ["right", "interval"] : [])],
    judgements.map(({ name, loss, lossRange, perplexity, perplexityRange, matched, matchedRange }) => [
      name,
      ...[lossText(loss), rangeText(lossRange, lossText)],
      ...[perplexityText(perplexity), rangeText(perplexityRange, perplexityText)],
      ...(matched === undefined ? [] : [percent(matched), rangeText(matchedRange!, percent)]),
    ]),
  );
}

/** Which is best, and whether these rows are enough to say so. */
function bestText(judgements: readonly Judgement[]): string {
  const sorted = [...judgements].sort((a, b) => a.loss - b.loss);
  const [best, second] = sorted;
  if (second === undefined) return "";
  const { behindBest, behindBestRange } = second;
  const isSure = behindBestRange![0] > 0;
  const gap = `${lossText(behindBest!)} lower than ${second.name} (${rangeText(behindBestRange!, lossText)})`;
  const text = isSure
    ? `best: ${best!.name}, ${gap}`
    : `best: ${best!.name}, but ${second.name} may be as good: ${gap}; more rows would tell`;
  return wrapped(text).join("\n");
}

export const evaluateCommand: Command = {
  usage: "evaluate <from>",
  describe: "the base model and adapters on rows that they have not seen: loss, perplexity, right answers, intervals",
  examples: [
    ["$0 evaluate run/ --data test.jsonl", "losses of the base and of every adapter"],
    ["$0 evaluate run/ --data test.jsonl --match --answer '#### (.*)'", "right answers, as of GSM8K"],
    ["$0 evaluate run/ --data test.jsonl --adapters a,a@best,a@100", "an adapter along its training"],
  ],
  positionals: { from: { type: "string", demandOption: true, describe: "folder of a run, or of a model" } },
  uses: [USE],
  async run(args, io) {
    const choice = answerChoice(io, args);
    const level = optionalNumber(args, "level") ?? 0.95;
    if (!(level > 0 && level < 1))
      throw new InputError({ expected: "a number above 0, below 1", at: "--level", got: level });
    const pattern = patternOf(optionalText(args, "answer"));
    const [matches, answerStops] = [flag(args, "match"), severalTexts(args, "stop")];
    const mostTokens = optionalCount(args, "max-tokens") ?? 256;
    const maxTokens = matches ? mostTokens : 0;
    const first = choice.chosen.find((each) => each !== undefined);
    const way = first === undefined ? {} : rowWay(first.job);
    const file = requiredText(args, "data");
    const context = contextOf(io, args);
    const questions = await readQuestions(context, openBase(choice.source), file, way, rowFormChoice(args));
    const { rows, numRefused, firstRefused, numTooLong, numRepeated } = questions;
    if (numRefused > 0) note(io, args, `${counted(numRefused, "row")} could not be read: ${firstRefused}`);
    if (numRepeated > 0)
      warn(
        io,
        `${numRepeated} of ${counted(rows.length, "row")} repeat earlier ones: intervals assume independent rows`,
      );
    if (choice.chosen.some((each) => each?.dataFile === absolute(io, file)))
      warn(io, "these are rows that an adapter was trained on: they say nothing of others");
    if (isFolder(io, file) && optionalText(args, "split") === undefined)
      note(io, args, "of a folder the split train is read; --split names another");
    if (numTooLong > 0) note(io, args, `${counted(numTooLong, "row")} left out: longer than the model's positions`);
    const longest = maximum(rows.map(({ row, prompt }) => Math.max(row.inputIds.length, prompt.length + maxTokens)));
    using answerer = await openAnswerer(io, args, choice, longest);
    const abort = new AbortController();
    const stop = (): void => {
      abort.abort();
      io.exit?.(130);
    };
    using _interrupt = io.signals === undefined ? undefined : onInterrupt(io.signals, stop, stop);
    const names = choice.chosen.map((each) => each?.name);
    const judgements = await context.during("judging", (tell) =>
      judgeAdapters(answerer, names, rows, {
        ...{ matches, pattern, maxTokens, stop: answerStops, level, signal: abort.signal },
        onRow: tell,
      }),
    );
    const tokens = judgements[0]!.rows.reduce((sum, { scored }) => sum + scored, 0);
    printResult(
      io,
      args,
      {
        ...{ data: file, rows: rows.length, tokens, level },
        judgements: judgements.map(({ rows: _rows, ...each }) => ({
          ...each,
          ...{ lossRange: each.lossRange.map(finite), perplexityRange: each.perplexityRange.map(finite) },
        })),
      },
      () =>
        [
          `${file}: ${counted(rows.length, "row", wholeText)}, ${counted(tokens, "scored token", wholeText)}`,
          `intervals: ${percent(level, 0)}, for other rows of this kind`,
          "",
          judgementTable(judgements),
          ...(judgements.length < 2 ? [] : ["", bestText(judgements)]),
        ].join("\n"),
    );
    return 0;
  },
};
