import { formatBytes, signedPercent, textTable } from "../../core/index.ts";
import { type PaperRow, type PaperTable, paperTable, VARIATIONS, type Variation } from "../../studies/index.ts";
import { inWorkers, loadCatalog } from "../../workbench/index.ts";
import { type Command, flag, optionalText } from "../command.ts";
import { percent, printResult, table } from "../output.ts";
import { CATALOG_OPTION } from "../plan-options.ts";
import { requirePaperPage, writePaper } from "../write-paper.ts";

function number(value: PaperRow["published"]): string {
  if (value === "out of memory") return "OOM";
  return value >= 100 ? value.toFixed(0) : value.toFixed(3);
}

function describe(result: PaperTable, variations: readonly Variation[]): string {
  const { calibration, rows, scores, orderings, agrees } = result;
  const figures = calibration.figures.map(({ name, value, unit, origin, source }) => [
    origin,
    name,
    `${value.toPrecision(4)} ${unit}`.trim(),
    source,
  ]);
  const wide = (cells: readonly (readonly string[])[]): string => textTable(cells, () => "left").join("\n");
  const wrong = orderings.filter(({ holds }) => !holds);
  const notes = rows.filter(({ note }) => note !== "");
  return [
    `${calibration.device}, calibrated on:`,
    ...calibration.cells.map((cell) => `  ${cell}`),
    "",
    wide(figures),
    "",
    table(
      ["cell", "published", "predicted", "error", "peak memory", "use"],
      rows.map((row) => [
        row.name,
        number(row.published),
        number(row.predicted),
        row.error === null ? "" : signedPercent(row.error),
        formatBytes(row.peakBytes),
        row.use,
      ]),
    ),
    "",
    ...notes.map(({ name, note }) => `${name}: ${note}`),
    "",
    table(
      ["calibration cells left out", "rows", "mean error", "worst"],
      scores.map(({ of, rows: count, mean, worst }) => [of, `${count}`, percent(mean), percent(worst)]),
    ),
    ...(variations.length === 0
      ? []
      : [
          "",
          table(
            ["assumed figure", "times", "pipelines, Fig. 7", "worst", "tensor parallel", "worst"],
            variations.map(({ figure, factor, pipelines, tensorParallel }) => [
              figure,
              `${factor}`,
              percent(pipelines.mean),
              percent(pipelines.worst),
              percent(tensorParallel.mean),
              percent(tensorParallel.worst),
            ]),
          ),
        ]),
    "",
    `orderings: ${orderings.length - wrong.length} of ${orderings.length} hold${wrong.map(({ statement }) => `\n  not: ${statement}`).join("")}`,
    `${agrees ? "every ordering and every out of memory is as published" : "an ordering or an out of memory differs from what is published"}`,
  ].join("\n");
}

export const paperCommand: Command = {
  usage: "paper",
  describe: "the paper's evaluation, published and predicted; exit 1 if an ordering differs",
  examples: [
    ["$0 paper", "every published cell with its prediction and error"],
    ["$0 paper --vary", "and what each assumed figure decides"],
    ["$0 paper -o paper.html", "as a page with charts"],
  ],
  positionals: {},
  uses: [
    {
      input: "the published evaluation",
      options: {
        vary: { type: "boolean", default: false, describe: "halve and double each assumed figure" },
        output: {
          type: "string",
          alias: "o",
          writes: true,
          describe: "where to write the evaluation as a page (HTML)",
        },
        catalog: CATALOG_OPTION,
      },
    },
  ],
  async run(args, io) {
    const output = optionalText(args, "output");
    if (output !== undefined) requirePaperPage();
    const catalog = loadCatalog(io, optionalText(args, "catalog"));
    const result = paperTable(catalog);
    const variations = flag(args, "vary")
      ? await inWorkers(
          "variation",
          { catalog },
          VARIATIONS.map((variation) => ({ variation })),
        )
      : [];
    const document = variations.length === 0 ? result : { ...result, variations };
    if (output !== undefined) writePaper(io, output, result, variations);
    printResult(io, args, document, () =>
      [describe(result, variations), ...(output === undefined ? [] : [`page written to ${output}`])].join("\n"),
    );
    return result.agrees ? 0 : 1;
  },
};
