import { canonicalJson, formatBytes, formatSeconds, InputError, mean } from "../../core/index.ts";
import {
  computeDtype,
  type Dtype,
  deviceCalibration,
  dtypeSchema,
  type LayersCalibration,
  type ResolvedDevice,
} from "../../plan/index.ts";
import { clusterTopology } from "../../sim/index.ts";
import {
  compareStrategies,
  efficiencyFromObservation,
  loraParameters,
  type Platform,
  STRATEGY_NAMES,
  type Training,
  topologyInterconnect,
} from "../../studies/index.ts";
import { type Arguments, type Command, optionalText, requiredText } from "../command.ts";
import { writeOutput } from "../files.ts";
import type { Io } from "../io.ts";
import { loadCatalog, loadCluster, readCalibration } from "../load-cluster.ts";
import { type LoadedWorkload, loadWorkload } from "../load-workload.ts";
import { printResult, table } from "../output.ts";

const WEIGHT_BYTES: Readonly<Record<Dtype, number>> = { float32: 4, bfloat16: 2, int8: 1, nf4: 0.5 };
/** Assumptions of memory: context and libraries of a process, and reserved over allocated memory (loratwin paper). */
const CONTEXT_BYTES = 0.6e9;
const ALLOCATOR_FACTOR = 1.115;

function calibrationOf(io: Io, args: Arguments, device: ResolvedDevice, dtype: Dtype): LayersCalibration {
  const file = optionalText(args, "calibration");
  if (file === undefined) return deviceCalibration(loadCatalog(io, args), device.type, computeDtype(dtype));
  const { calibration } = readCalibration(io, file);
  if (calibration.model !== "layers")
    throw new InputError({
      expected: "a layers calibration",
      at: "--calibration",
      got: calibration.model,
      hint: "`loratwin catalog NAME --calibration FILE` writes one.",
    });
  return calibration;
}

/** One kind of device for all: the model is of equal devices. */
function equalDevice(devices: readonly ResolvedDevice[]): ResolvedDevice {
  const first = devices[0]!;
  const other = devices.find(({ type }) => type !== first.type);
  if (other !== undefined)
    throw new InputError({ expected: `devices that are all ${first.type}`, at: "--cluster", got: other.type });
  return first;
}

function platformOf(io: Io, args: Arguments, dtype: Dtype): Platform & { readonly calibration: LayersCalibration } {
  const { devices, links } = loadCluster(io, args);
  const device = equalDevice(devices);
  const { peakFlopsPerSecond, memoryBytesPerSecond, memoryBytes } = device;
  if (peakFlopsPerSecond === null || memoryBytesPerSecond === null || memoryBytes === null)
    throw new InputError({
      expected: "devices with peaks and memory, such as GPUs of the catalog",
      at: "--cluster",
      got: device.type,
    });
  const calibration = calibrationOf(io, args, device, dtype);
  const { float32, bfloat16 } = peakFlopsPerSecond;
  const { transferEfficiency, transferLatencySeconds } = calibration;
  const topology = clusterTopology(devices, links, {
    efficiency: transferEfficiency,
    messageSeconds: transferLatencySeconds,
  });
  return {
    numDevices: devices.length,
    peaks: {
      flopsPerSecond: dtype === "float32" ? float32 : (bfloat16 ?? float32),
      bytesPerSecond: memoryBytesPerSecond,
    },
    memoryBytes,
    efficiency: calibration,
    headBytes: calibration.headBytes,
    interconnect: topologyInterconnect(topology),
    contextBytes: CONTEXT_BYTES,
    allocatorFactor: ALLOCATOR_FACTOR,
    calibration,
  };
}

/** The first job stands for all: its batch, micro-batches and adapter, and rows of the mean length of all jobs. */
function trainingOf({ workload, architecture, rows }: LoadedWorkload, dtype: Dtype, full: boolean): Training {
  const job = workload.jobs[0]!;
  const length = Math.round(mean(rows.flatMap(({ tokens }) => Array.from(tokens))));
  return {
    arch: architecture,
    sequences: job.batchSize,
    sequenceLength: length,
    microBatches: job.batchSize / job.microBatchSize,
    activationBytes: dtype === "float32" ? 4 : 2,
    weightBytes: WEIGHT_BYTES[dtype],
    full,
    recompute: false,
    adapterParameters: loraParameters(architecture, job.adapter.rank, job.adapter.targets),
  };
}

/** The calibration, its share of the peak fitted to --observed where that is given. */
function observedCalibration(
  args: Arguments,
  platform: Platform & { readonly calibration: LayersCalibration },
  training: Training,
  jobs: number,
): LayersCalibration {
  const observed = optionalText(args, "observed");
  const { calibration } = platform;
  if (observed === undefined) return calibration;
  const [name, rate, ...rest] = observed.split("=");
  const strategy = STRATEGY_NAMES.find((each) => each === name);
  const tokensPerSecond = Number(rate);
  if (strategy === undefined || rest.length > 0 || !(tokensPerSecond > 0))
    throw new InputError({
      expected: `STRATEGY=TOKENS_PER_SECOND with one of ${STRATEGY_NAMES.join(", ")}`,
      at: "--observed",
      got: observed,
    });
  const computeEfficiency = efficiencyFromObservation(platform, training, jobs, { strategy, tokensPerSecond });
  return {
    ...calibration,
    computeEfficiency,
    source: `${calibration.source}; share of the peak from ${observed} tokens/s`,
  };
}

export const strategiesCommand: Command = {
  usage: "strategies <workload>",
  describe:
    "LoRAPP next to other ways to train the jobs: pipelines, tensor parallel, FSDP, DDP; time, memory, what fits",
  examples: [
    ["$0 strategies w.yaml --cluster gpus.yaml", "every strategy, with and without recomputation"],
    ["$0 strategies w.yaml --cluster gpus.yaml --dtype nf4", "with a 4-bit base model"],
    ["$0 strategies w.yaml --cluster gpus.yaml --observed lorapp=2364 -o k.json", "a calibration from one observation"],
  ],
  options: (yargs) =>
    yargs
      .positional("workload", { type: "string", demandOption: true, describe: "workload file" })
      .option("cluster", { type: "string", demandOption: true, describe: "cluster file with equal GPUs" })
      .option("catalog", { type: "string", describe: "a catalog of your own, in front of ours" })
      .option("calibration", { type: "string", describe: "a layers calibration instead of the catalog's" })
      .option("dtype", { type: "string", choices: dtypeSchema.options, describe: "over the workload's `model.dtype`" })
      .option("observed", {
        type: "string",
        describe: "a rate that somebody saw, as STRATEGY=TOKENS_PER_SECOND: the share of the peak is fitted to it",
      })
      .option("output", { alias: "o", type: "string", describe: "write the calibration that was used to this file" })
      .option("full", {
        type: "boolean",
        default: false,
        describe: "train the base model's weights instead of adapters",
      }),
  async run(args, io) {
    const loaded = await loadWorkload(io, requiredText(args, "workload"));
    const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? loaded.workload.model.dtype;
    const known = platformOf(io, args, dtype);
    const jobs = loaded.workload.jobs.length;
    const recompute = loaded.workload.recompute === "layer";
    const training = { ...trainingOf(loaded, dtype, args["full"] === true), recompute };
    const calibration = observedCalibration(args, known, training, jobs);
    const platform = { ...known, efficiency: calibration };
    const rows = compareStrategies(platform, training, jobs);
    const { sequences, sequenceLength, microBatches } = training;
    const output = optionalText(args, "output");
    if (output !== undefined) writeOutput(io, output, `${canonicalJson(calibration)}\n`);
    printResult(io, args, { calibration, jobs, sequences, sequenceLength, microBatches, strategies: rows }, () =>
      [
        `${jobs} jobs of ${sequences} rows of ${sequenceLength} tokens a step, ${microBatches} micro-batches, ${dtype}`,
        `times: ${calibration.source}, about ${(100 * calibration.meanError).toFixed(0)} % off`,
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
