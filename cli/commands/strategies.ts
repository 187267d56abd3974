import { canonicalJson, counted, formatBytes, formatSeconds, InputError } from "../../core/index.ts";
import { writeOutput } from "../../files/index.ts";
import type { LayersCalibration } from "../../plan/index.ts";
import { comparedRequest, compareStrategies, type StrategyRow } from "../../studies/index.ts";
import { leaveSamplesOut, loadRequest } from "../../workbench/index.ts";
import { OBSERVATION_OPTIONS } from "../calibrate-without-device.ts";
import { type Command, flag, optionalText, requiredText } from "../command.ts";
import { costsText } from "../describe-costs.ts";
import { type ObservedCalibration, observationText, observedCalibration } from "../observe-calibration.ts";
import { percent, printResult, table } from "../output.ts";
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

export const strategiesCommand: Command = {
  usage: "strategies <workload>",
  describe:
    "LoRAPP next to other ways to train the jobs: pipelines, tensor parallel, FSDP, DDP; time, memory, what fits",
  examples: [
    ["$0 strategies w.yaml --cluster gpus.yaml", "every strategy, with and without recomputation"],
    ["$0 strategies w.yaml --gpu 'RTX 4090*4'", "on GPUs of the catalog, in one machine"],
    ["$0 strategies w.yaml --cluster gpus.yaml --dtype nf4", "with a 4-bit base model"],
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
        output: { type: "string", alias: "o", describe: "write the calibration that was used to this file" },
        full: {
          type: "boolean",
          default: false,
          describe: "train the base model's weights instead of adapters",
        },
      },
    },
  ],
  async run(args, io) {
    if (optionalText(args, "cluster") === undefined && optionalText(args, "gpu") === undefined)
      throw new InputError({ expected: "--cluster FILE or --gpu 'H100 SXM*4'", got: "neither" });
    const {
      request: given,
      loaded,
      placed,
    } = await loadRequest(contextOf(io, args), requiredText(args, "workload"), requestChoice(args));
    const asked = leaveSamplesOut(contextOf(io, args), given);
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
    printResult(io, args, { calibration, jobs: jobs.length, strategies: rows }, () =>
      [
        `${counted(jobs.length, "job")}, ${asked.dtype}: what \`simulate\` says of each schedule with each --recompute`,
        ...(observed === undefined ? [] : [observationText(observed), ""]),
        costsText(calibration)!,
        "Rows share most of that error: their order is surer than their times.",
        "",
        table(
          ["strategy", "recompute", "time", "tokens/s", "idle", "peak memory", "fits"],
          rows.map((row) => [
            strategyText(row, asked.devices.length, jobs.length),
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
      ].join("\n"),
    );
    return 0;
  },
};
