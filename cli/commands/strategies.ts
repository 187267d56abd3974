import { calibrationAssumptions } from "../../calibration/index.ts";
import { canonicalJson, counted, formatBytes, formatSeconds, InputError } from "../../core/index.ts";
import { writeOutput } from "../../files/index.ts";
import type { LayersCalibration } from "../../plan/index.ts";
import { comparedRequest, compareStrategies, differenceOfRows, type StrategyRow } from "../../studies/index.ts";
import { loadRequest, trainingAlone } from "../../workbench/index.ts";
import { OBSERVATION_OPTIONS } from "../calibrate-without-device.ts";
import { type Command, flag, optionalText, requiredText } from "../command.ts";
import { costsText } from "../describe-costs.ts";
import { differenceText } from "../describe-ways.ts";
import { type ObservedCalibration, observationText, observedCalibration } from "../observe-calibration.ts";
import { assumptionLines, percent, printResult, table } from "../output.ts";
import { CATALOG_OPTION, GPU_OPTION, PLAN_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { contextOf, requestChoice } from "../request-options.ts";

/** A row's first column: its pipelines, and its groups where jobs share micro-batches. */
function strategyText({ strategy, pipelines, groups }: StrategyRow, numDevices: number, numJobs: number): string {
  const sideBySide =
    pipelines === null || pipelines === 1
      ? []
      : pipelines === numDevices
        ? ["every device alone"]
        : [`${pipelines} pipelines on ${counted(numDevices, "device")}`];
  return [strategy, ...sideBySide, ...(groups !== null && groups < numJobs ? [counted(groups, "group")] : [])].join(
    ", ",
  );
}

/** The rows of --compare, which count from 1; before any is simulated. @throws InputError for anything else */
function askedRows(given: string | undefined): readonly [number, number] | undefined {
  if (given === undefined) return undefined;
  const rows = given.split(",").map((text) => (/^ *[1-9]\d{0,3} *$/.test(text) ? Number(text) : 0));
  if (rows.length === 2 && rows[0]! > 0 && rows[1]! > 0) return [rows[0]!, rows[1]!];
  throw new InputError({ expected: "two rows of the table, such as 1,6,", at: "--compare", got: given });
}

/** @throws InputError for a row that is not there */
function checkRows(asked: readonly number[], numRows: number): void {
  const missing = asked.find((row) => row > numRows);
  if (missing === undefined) return;
  throw new InputError({ expected: `rows of the table, from 1 to ${numRows},`, at: "--compare", got: missing });
}

/** What the table says of two rows, by cause. */
function comparedText(
  rows: readonly StrategyRow[],
  [one, other]: readonly [number, number],
  names: readonly string[],
): string {
  const title = (row: number): string => `row ${row}: ${names[row - 1]}, recompute ${rows[row - 1]!.recompute}`;
  const [first, second] = [rows[one - 1]!, rows[other - 1]!];
  return [
    title(one),
    title(other),
    "",
    differenceText(
      differenceOfRows(first, second),
      [`row ${one}`, `row ${other}`],
      [first.criticalPath, second.criticalPath],
    ),
  ].join("\n");
}

export const strategiesCommand: Command = {
  usage: "strategies <workload>",
  describe:
    "LoRAPP next to other ways to train the jobs: pipelines, tensor parallel, FSDP, DDP; time, memory, what fits",
  examples: [
    ["$0 strategies w.yaml --cluster gpus.yaml", "every strategy, with and without recomputation"],
    ["$0 strategies w.yaml --gpu 'RTX 4090*4'", "on GPUs of the catalog, in one machine"],
    ["$0 strategies w.yaml --cluster gpus.yaml --dtype nf4", "with a 4-bit base model"],
    ["$0 strategies w.yaml --cluster gpus.yaml --compare 1,6", "why the sixth row takes longer than the first"],
    ["$0 strategies w.yaml --cluster gpus.yaml --observed lorapp=2364 -o k.json", "a calibration from one observation"],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload file" } },
  uses: [
    {
      input: "a workload",
      options: {
        ...OBSERVATION_OPTIONS,
        ...CACHE_OPTIONS,
        cluster: { type: "string", describe: "cluster file with equal GPUs" },
        gpu: { ...GPU_OPTION, notBeside: ["cluster"] },
        catalog: CATALOG_OPTION,
        calibration: { type: "string", describe: "a layers calibration instead of the catalog's" },
        dtype: { ...PLAN_OPTIONS.dtype, describe: "over the workload's `model.dtype`" },
        output: {
          type: "string",
          alias: "o",
          writes: true,
          describe: "write the calibration that was used to this file",
        },
        full: {
          type: "boolean",
          default: false,
          describe: "train the base model's weights instead of adapters",
        },
        compare: {
          type: "string",
          describe: "two rows of the table, such as 1,6: why the second takes longer than the first, cause by cause",
        },
      },
    },
  ],
  async run(args, io) {
    if (optionalText(args, "cluster") === undefined && optionalText(args, "gpu") === undefined)
      throw new InputError({ expected: "--cluster FILE or --gpu 'H100 SXM*4'", got: "neither" });
    const pair = askedRows(optionalText(args, "compare"));
    const {
      request: given,
      loaded,
      placed,
    } = await loadRequest(contextOf(io, args), requiredText(args, "workload"), requestChoice(args));
    const asked = trainingAlone(contextOf(io, args), given);
    let rows: readonly StrategyRow[];
    let observed: ObservedCalibration | undefined;
    let calibration: LayersCalibration;
    try {
      const request = comparedRequest(asked);
      observed = observedCalibration(args, request);
      calibration = observed?.calibration ?? request.calibration;
      rows = compareStrategies({ ...request, calibration }, { full: flag(args, "full") });
    } catch (error) {
      throw placed(error);
    }
    const output = optionalText(args, "output");
    if (output !== undefined) writeOutput(io, output, `${canonicalJson(calibration)}\n`);
    const { jobs } = loaded.workload;
    checkRows(pair ?? [], rows.length);
    const compared =
      pair === undefined
        ? {}
        : { compared: { rows: pair, ...differenceOfRows(rows[pair[0] - 1]!, rows[pair[1] - 1]!) } };
    const names = rows.map((row) => strategyText(row, asked.devices.length, jobs.length));
    printResult(io, args, { calibration, jobs: jobs.length, strategies: rows, ...compared }, () =>
      [
        `${counted(jobs.length, "job")}, ${asked.dtype}: what \`simulate\` says of each schedule with each --recompute`,
        ...(observed === undefined ? [] : [observationText(observed), ""]),
        costsText(calibration)!,
        "Rows share most of that error: their order is surer than their times.",
        ...assumptionLines(calibrationAssumptions(calibration, asked.architecture)),
        "",
        table(
          ["row", "strategy", "recompute", "time", "tokens/s", "idle", "peak memory", "fits"],
          rows.map((row, index) => [
            `${index + 1}`,
            names[index]!,
            row.recompute,
            formatSeconds(row.makespanSeconds),
            row.tokensPerSecond.toFixed(0),
            percent(row.bubbleRatioTotal),
            formatBytes(row.peakMemoryBytes),
            row.fits ? "yes" : "no",
          ]),
        ),
        ...(rows.every(({ fits }) => fits)
          ? []
          : [
              "",
              "What does not fit is shown with the memory and time that it would take on devices with enough memory.",
            ]),
        ...(pair === undefined ? [] : ["", comparedText(rows, pair, names)]),
      ].join("\n"),
    );
    return 0;
  },
};
