import { signedPercent } from "../../core/index.ts";
import { requireDeviceName } from "../../plan/index.ts";
import {
  type KernelScore,
  kernelScores,
  type PublishedRow,
  predictedPlainRows,
  predictedRates,
  publishedGroups,
  type SourceScore,
  scoreRows,
  scoreSources,
} from "../../studies/index.ts";
import { inWorkers, loadCatalog } from "../../workbench/index.ts";
import { type Command, optionalText } from "../command.ts";
import { percent, printResult, table } from "../output.ts";
import { contextOf } from "../request-options.ts";

/** The document of --json. */
interface AccuracyFacts {
  /** In seconds a step, each predicted without its group. */
  readonly steps: readonly PublishedRow[];
  /** In seconds a step, which nothing is fitted to. */
  readonly rates: readonly PublishedRow[];
  /** In seconds a step, of software as it is installed, each predicted by the rows of other models. */
  readonly plain: readonly PublishedRow[];
  readonly kernels: readonly KernelScore[];
  readonly scores: readonly SourceScore[];
}

function scoreCells(score: Omit<SourceScore, "source" | "accelerator">): readonly string[] {
  const { rows, bias, median, p90, worst, inside } = score;
  return [`${rows}`, signedPercent(bias), percent(median), percent(p90), percent(worst), percent(inside, 0)];
}

const COLUMNS = ["rows", "bias", "median", "nine of ten", "worst", "in interval"] as const;

function rowsText(rows: readonly PublishedRow[], all: string): readonly string[] {
  if (rows.length === 0) return [];
  const scores = scoreSources(rows).map((score) => [score.source, score.accelerator, ...scoreCells(score)]);
  const sure = rows.filter(({ isDoubtful }) => !isDoubtful);
  const sum = sure.length === 0 ? [] : [[all, "", ...scoreCells(scoreRows(sure))]];
  return [table(["source", "accelerator", ...COLUMNS], [...scores, ...sum]), ""];
}

function kernelsText(kernels: readonly KernelScore[]): readonly string[] {
  if (kernels.length === 0) return [];
  const rows = kernels.map(({ accelerator, kernel, times, median, p90 }) => [
    ...[accelerator, kernel, `${times}`, percent(median), percent(p90)],
  ]);
  return [
    "Single kernels, of shapes that were left out of the fit:",
    table(["accelerator", "kernels", "times", "median", "nine of ten"], rows),
    "",
  ];
}

function describe({ steps, rates, plain, kernels }: AccuracyFacts): string {
  if (steps.length + rates.length + plain.length + kernels.length === 0)
    return "No public row is of it: `loratwin catalog NAME` says what its times rest on.";
  const doubtful = steps.filter(({ isDoubtful }) => isDoubtful).length;
  return [
    ...(steps.length === 0
      ? []
      : [
          "Training steps of MLPerf, each predicted without the systems that are equal to it:",
          ...rowsText(steps, doubtful === 0 ? "all" : `all but ${doubtful} doubtful`),
        ]),
    ...(rates.length === 0
      ? []
      : ["Published rates of training, which nothing is fitted to:", ...rowsText(rates, "all")]),
    ...(plain.length === 0
      ? []
      : ["Plain software (`--release`), each model predicted by the others:", ...rowsText(plain, "all")]),
    ...kernelsText(kernels),
    "bias: the median error with its sign, above 0 where predictions are too slow; in interval: rows in their 90 % interval",
    "`loratwin paper` compares with the evaluation of the mLoRA paper",
  ].join("\n");
}

export const accuracyCommand: Command = {
  usage: "accuracy [accelerator]",
  describe: "how near predictions come to what others measured: steps, rates and kernels, by software and accelerator",
  examples: [
    ["$0 accuracy", "every published row"],
    ["$0 accuracy 'H100 SXM' --json", "rows of one accelerator, each with its prediction and interval"],
  ],
  positionals: { accelerator: { type: "string", describe: "an accelerator of the catalog" } },
  uses: [{ input: "what is published", options: {} }],
  async run(args, io) {
    const catalog = loadCatalog(io, undefined);
    const named = optionalText(args, "accelerator");
    const only = named === undefined ? undefined : requireDeviceName(catalog, named, "accelerator");
    const isAsked = ({ accelerator }: { readonly accelerator: string }): boolean =>
      only === undefined || accelerator === only;
    const groups = publishedGroups(only);
    const steps = await contextOf(io, args).during("predicting published steps", () =>
      inWorkers(
        "publishedGroup",
        {},
        groups.map((group) => ({ group })),
      ),
    );
    const facts = {
      steps: steps.flat(),
      rates: predictedRates().filter(isAsked),
      plain: predictedPlainRows().filter(isAsked),
      kernels: kernelScores(catalog).filter(isAsked),
    };
    const document: AccuracyFacts = {
      ...facts,
      scores: scoreSources([...facts.steps, ...facts.rates, ...facts.plain]),
    };
    printResult(io, args, document, () => describe(document));
    return 0;
  },
};
