import { rangeOfPlan } from "../../calibration/index.ts";
import { canonicalJson, InputError } from "../../core/index.ts";
import { nativeInfo, syntheticWeights } from "../../exec/index.ts";
import { writeOutput } from "../../files/index.ts";
import {
  architectureFromConfig,
  clusterFromList,
  type Dtype,
  huggingFaceConfigSchema,
  type MeasuredCalibration,
  resolveDevices,
  resolveLinks,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import {
  type CalibrationSubject,
  calibrateDevices,
  createPlan,
  loadCatalog,
  thisMachine,
  today,
} from "../../workbench/index.ts";
import {
  CALIBRATION_OUTPUT,
  calibrateByTransfer,
  calibrateFromKernels,
  calibrateFromObservation,
  KERNELS,
  OBSERVATION,
  printKernelScript,
  SCRIPT,
  TRANSFER,
} from "../calibrate-without-device.ts";
import { type Arguments, type Command, optionalCount, optionalText, requiredText, type Use } from "../command.ts";
import type { Io } from "../io.ts";
import { calibrateLinks, LINKS } from "../measured-links.ts";
import { pick } from "../option-table.ts";
import { percent, printResult, showProgress, table } from "../output.ts";
import { CATALOG_OPTION, PLAN_OPTIONS, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { contextOf, planRequestChoice } from "../request-options.ts";
import { warnSlow } from "../warn-slow.ts";

/**
 * Without a workload: three shapes that differ in width, head width and vocabulary, all projections, micro-batches of
 * 16 to 1024 tokens.
 */
const GENERIC = {
  shapes: [
    { hidden_size: 64, intermediate_size: 172, num_attention_heads: 8, num_key_value_heads: 4, vocab_size: 512 },
    { hidden_size: 256, intermediate_size: 688, num_attention_heads: 8, num_key_value_heads: 4, vocab_size: 2048 },
    { hidden_size: 512, intermediate_size: 1408, num_attention_heads: 8, num_key_value_heads: 8, vocab_size: 8192 },
  ],
  layers: 4,
  positions: 1024,
  ranks: [4, 32],
  tokens: [16, 51, 165, 410, 1024],
  sequence: [16, 90, 512],
  scored: [0.25, 1] as const,
};

/** Measures a general set of shapes. */
const GENERAL: Use = {
  input: "a general set of shapes",
  options: {
    device: { type: "string", default: "cpu", describe: "what to measure (without a workload)" },
    "at-once": {
      type: "number",
      describe: "devices that work at the same time while measured (without a workload; default: 2)",
    },
    catalog: CATALOG_OPTION,
    ...pick(PLAN_OPTIONS, "dtype"),
    output: CALIBRATION_OUTPUT,
  },
  instead: () =>
    "Without --workload, --from-observation or --transfer general shapes are measured on the devices of --device and --at-once.",
};

/** Measures the shapes of one workload on the devices that it is planned for. */
const WORKLOAD: Use = {
  input: "--workload",
  options: {
    workload: {
      type: "string",
      describe: "measure the model, adapters and lengths of this workload",
      notBeside: ["from-observation", "transfer"],
    },
    ...WORKLOAD_OPTIONS,
    output: CALIBRATION_OUTPUT,
  },
  instead: () => "With --workload the devices of --devices or --cluster are measured, all at once.",
};

function generalSubjects(io: Io, args: Arguments): readonly CalibrationSubject[] {
  const device = requiredText(args, "device");
  if (!/^(cpu|cuda)(:|$)/.test(device))
    throw new InputError({ expected: "a CPU or CUDA device (cpu, cpu:0, cuda:0)", at: "--device", got: device });
  const info = nativeInfo();
  const present = device === "cuda" ? info.cuda.devices.length : info.cores.length;
  const count = optionalCount(args, "at-once") ?? Math.max(1, Math.min(2, present));
  const names = /^\w+:\d+/.test(device) ? device : Array.from({ length: count }, (_, i) => `${device}:${i}`).join();
  const catalog = loadCatalog(io, optionalText(args, "catalog"));
  const cluster = clusterFromList(names, catalog);
  const devices = resolveDevices(cluster, catalog, { ...thisMachine(), memoryBytes: 2 ** 33 });
  const links = resolveLinks(cluster, devices, catalog);
  const adapters = GENERIC.ranks.map((rank) => ({ rank, alpha: 16, dropout: 0, targets: [...UNFUSED_PROJECTIONS] }));
  const { layers, positions, tokens, sequence, scored } = GENERIC;
  const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? "float32";
  return GENERIC.shapes.map((shape) => {
    const config = { ...shape, num_hidden_layers: layers, max_position_embeddings: positions };
    const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(config));
    const range = {
      architecture,
      dtype,
      recompute: "none",
      devices,
      links,
      adapters,
      numGroups: 2,
      tokens,
      sequence,
      scored,
    } as const;
    return { range, model: syntheticWeights(architecture) };
  });
}

async function workloadSubjects(io: Io, args: Arguments): Promise<readonly CalibrationSubject[]> {
  const { plan, loaded } = await createPlan(contextOf(io, args), requiredText(args, "workload"), {
    ...planRequestChoice(args),
    shapesOnly: true,
  });
  return [{ range: rangeOfPlan(plan), model: loaded.model ?? syntheticWeights(plan.model.architecture) }];
}

/** Above this share of lost time a calibration says more of the other programs than of the machine. */
const OFTEN = 0.1;

/** How fast the machine was while it was measured, and what that means for predictions. */
function machineText(machine: MeasuredCalibration["machine"]): readonly string[] {
  if (machine?.speed === undefined) return [];
  const { speed, interrupted = 0, system } = machine;
  const others = system === undefined ? "" : `, other programs used ${percent(system.otherPrograms, 0)} of the machine`;
  return [
    `small products: ${(speed.product / 1e9).toFixed(0)} GFLOP/s${others}`,
    `interrupted: ${percent(interrupted)} of the time, which predictions reckon with${interrupted > OFTEN ? "; calibrate again when the machine is quieter" : ""}`,
  ];
}

function calibrationText({
  device,
  holdOut,
  operators,
  link,
  aloneShare,
  gapSeconds,
  machine,
}: MeasuredCalibration): string {
  const rows = operators.map(({ operator, samples, meanAbsError, residualSpread }) => [
    operator,
    `${samples}`,
    percent(meanAbsError),
    percent(residualSpread),
  ]);
  return [
    `${device.description}: ${device.devicesAtOnce} device${device.devicesAtOnce > 1 ? "s" : ""} at once, ${device.threads} thread${device.threads > 1 ? "s" : ""} each`,
    "",
    table(["operator", "samples", "mean error", "spread"], rows),
    "",
    `whole actions kept out of the fit: ${holdOut.points}, mean error ${percent(holdOut.meanAbsError)}, 90 % below ${percent(holdOut.p90AbsError)}`,
    ...(aloneShare === undefined
      ? []
      : [
          `alone on the machine: forward ${percent(aloneShare.F)}, backward ${percent(aloneShare.B)} of the time with all at work`,
        ]),
    ...machineText(machine),
    ...(gapSeconds === undefined ? [] : [`between two actions of a device: ${(gapSeconds * 1e6).toFixed(1)} us`]),
    `message: ${(link.latencySeconds * 1e6).toFixed(1)} us${link.secondsPerByte > 0 ? ` + bytes / ${(1e-9 / link.secondsPerByte).toFixed(1)} GB/s` : ""}`,
  ].join("\n");
}

export const calibrateCommand: Command = {
  usage: "calibrate",
  runsOnRanks: true,
  describe: "measure operators and links of this machine, fit, and print the error on what was kept out of the fit",
  examples: [
    [
      "$0 calibrate --workload examples/workload.yaml --devices cpu:0,cpu:1 -o k.json",
      "the shapes of one workload: the most accurate",
    ],
    ["$0 calibrate --device cpu -o k.json", "a general set of shapes"],
    [
      "$0 calibrate --from-observation w.yaml --cluster gpus.yaml --observed lorapp=2364 -o k.json",
      "GPUs that are not here, from a rate that somebody saw",
    ],
    ["mpirun -n 2 ... $0 calibrate --links", "the network between machines, for a cluster file"],
    ["$0 calibrate --script > kernel_times.py", "what times a GPU's kernels on a machine with PyTorch alone"],
    ["$0 calibrate --script cuda > kernel_times.cu", "what times its products with CUDA's toolkit alone"],
    ["$0 calibrate --from kernels.csv -o mine.json", "costs from such times, for plan and simulate"],
    ["$0 calibrate --transfer k.json --to 'H100 SXM' -o h100.json", "the efficiencies of one GPU for another"],
  ],
  positionals: {},
  uses: [GENERAL, WORKLOAD, OBSERVATION, TRANSFER, KERNELS, SCRIPT, LINKS],
  useOf: (args) =>
    [WORKLOAD, OBSERVATION, TRANSFER, KERNELS, SCRIPT, LINKS].find(
      (use) => (args[use.input.slice(2)] ?? false) !== false,
    ) ?? GENERAL,
  async run(args, io, use) {
    if (use === OBSERVATION) {
      await calibrateFromObservation(io, args);
      return 0;
    }
    if (use === TRANSFER) {
      calibrateByTransfer(io, args);
      return 0;
    }
    if (use === KERNELS) {
      calibrateFromKernels(io, args);
      return 0;
    }
    if (use === SCRIPT) {
      printKernelScript(io, args);
      return 0;
    }
    if (use === LINKS) {
      await calibrateLinks(io, args);
      return 0;
    }
    const subjects = use === GENERAL ? generalSubjects(io, args) : await workloadSubjects(io, args);
    warnSlow(io);
    const calibration = await calibrateDevices(subjects, today(), (run, runs) =>
      showProgress(io, args, `run ${run + 1} of ${runs}`),
    );
    const output = optionalText(args, "output");
    if (output !== undefined) writeOutput(io, output, `${canonicalJson(calibration)}\n`);
    const { device, holdOut, operators, link, aloneShare, gapSeconds, machine } = calibration;
    printResult(io, args, { device, holdOut, operators, link, aloneShare, gapSeconds, machine }, () =>
      [calibrationText(calibration), ...(output === undefined ? [] : [`written to ${output}`])].join("\n"),
    );
    return 0;
  },
};
