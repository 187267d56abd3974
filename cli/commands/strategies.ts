import { canonicalJson, formatBytes, formatSeconds } from "../../core/index.ts";
import { type Dtype, dtypeSchema } from "../../plan/index.ts";
import { hasBlockingLinks } from "../../sim/index.ts";
import { compareStrategies } from "../../studies/index.ts";
import { OBSERVATION_OPTIONS } from "../calibrate-without-device.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { comparisonPlatform, meanTraining } from "../comparison-platform.ts";
import { costsText } from "../describe-costs.ts";
import { writeOutput } from "../files.ts";
import { CATALOG_OPTION } from "../load-cluster.ts";
import { loadWorkload } from "../load-workload.ts";
import { observationText, observedCalibration } from "../observe-calibration.ts";
import { printResult, table } from "../output.ts";

export const strategiesCommand: Command = {
  usage: "strategies <workload>",
  describe:
    "LoRAPP next to other ways to train the jobs: pipelines, tensor parallel, FSDP, DDP; time, memory, what fits",
  examples: [
    ["$0 strategies w.yaml --cluster gpus.yaml", "every strategy, with and without recomputation"],
    ["$0 strategies w.yaml --cluster gpus.yaml --dtype nf4", "with a 4-bit base model"],
    ["$0 strategies w.yaml --cluster gpus.yaml --observed lorapp=2364 -o k.json", "a calibration from one observation"],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload file" } },
  uses: [
    {
      input: "a workload",
      options: {
        ...OBSERVATION_OPTIONS,
        cluster: { type: "string", demandOption: true, describe: "cluster file with equal GPUs" },
        catalog: CATALOG_OPTION,
        calibration: { type: "string", describe: "a layers calibration instead of the catalog's" },
        dtype: { type: "string", choices: dtypeSchema.options, describe: "over the workload's `model.dtype`" },
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
    const loaded = await loadWorkload(io, requiredText(args, "workload"));
    const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? loaded.workload.model.dtype;
    const known = comparisonPlatform(io, args, dtype);
    const jobs = loaded.workload.jobs.length;
    const training = meanTraining(loaded, dtype, args["full"] === true);
    const observed = observedCalibration(args, known, training, jobs);
    const calibration = observed?.calibration ?? known.calibration;
    const platform = { ...known, efficiency: calibration };
    const rows = compareStrategies(platform, training, jobs);
    const { sequences, sequenceLength, microBatches } = training;
    const output = optionalText(args, "output");
    if (output !== undefined) writeOutput(io, output, `${canonicalJson(calibration)}\n`);
    printResult(io, args, { calibration, jobs, sequences, sequenceLength, microBatches, strategies: rows }, () =>
      [
        `${jobs} jobs of ${sequences} rows of ${sequenceLength} tokens a step, ${microBatches} micro-batches, ${dtype}`,
        ...(observed === undefined ? [] : [observationText(observed), ""]),
        costsText(calibration)!,
        ...(hasBlockingLinks(known.cluster)
          ? ["Transfers are taken as overlapped, also over links that the cluster file calls blocking."]
          : []),
        "Rows share most of that error: their order is surer than their times.",
        "",
        table(
          ["strategy", "recompute", "step of a job", "tokens/s", "peak memory", "fits"],
          rows.map((row) => [
            row.strategy,
            row.recompute ? "layer" : "none",
            formatSeconds(row.secondsPerJobStep),
            row.tokensPerSecond.toFixed(0),
            formatBytes(row.peakBytes),
            row.fits ? "yes" : "no",
          ]),
        ),
      ].join("\n"),
    );
    return 0;
  },
};
