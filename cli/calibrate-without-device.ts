import { readFileSync } from "node:fs";
import { canonicalJson, InputError } from "../core/index.ts";
import { packageFile, writeOutput } from "../files/index.ts";
import { type LayersCalibration, transferCalibration } from "../plan/index.ts";
import { comparedRequest } from "../studies/index.ts";
import { kernelCalibration, loadCatalog, loadRequest, readCalibration } from "../workbench/index.ts";
import { type Arguments, optionalText, requiredText, type Use } from "./command.ts";
import type { Io } from "./io.ts";
import { observationText, observedCalibration } from "./observe-calibration.ts";
import { type Option, type OptionTable, pick } from "./option-table.ts";
import { percent, printResult, table } from "./output.ts";
import { CATALOG_OPTION, COST_OPTIONS, DEVICE_OPTIONS, PLAN_OPTIONS } from "./plan-options.ts";
import { CACHE_OPTIONS } from "./prediction-options.ts";
import { contextOf, requestChoice } from "./request-options.ts";

/** Options of --observed, here and in `strategies`. */
export const OBSERVATION_OPTIONS = {
  observed: {
    type: "string",
    describe:
      "what somebody saw, as STRATEGY=TOKENS_PER_SECOND or STRATEGY=SECONDSs of a step of a job; may be repeated",
  },
  "fit-launch": {
    type: "boolean",
    default: false,
    describe: "fit the launch time of a pass over a layer too, from two observations or more",
    beside: "observed",
  },
} as const satisfies OptionTable;

export const CALIBRATION_OUTPUT = {
  type: "string",
  alias: "o",
  writes: true,
  describe: "where to write the calibration",
} as const satisfies Option;

/** Calibrations that need no device: from observed rates. */
export const OBSERVATION: Use = {
  input: "--from-observation",
  options: {
    "from-observation": {
      type: "string",
      describe: "fit the GPUs of --cluster to rates that were --observed with this workload",
      notBeside: ["transfer"],
    },
    ...OBSERVATION_OPTIONS,
    ...DEVICE_OPTIONS,
    ...CACHE_OPTIONS,
    ...COST_OPTIONS,
    ...pick(PLAN_OPTIONS, "dtype"),
    output: CALIBRATION_OUTPUT,
  },
  instead: () =>
    "Rates are fitted for the GPUs of --cluster by the catalog's model of a layer; nothing is planned or measured.",
};

/** Calibrations that need no device: from another device's. */
export const TRANSFER: Use = {
  input: "--transfer",
  options: {
    transfer: { type: "string", describe: "a layers or roofline calibration of another device" },
    to: { type: "string", describe: "the device of the catalog that --transfer is for" },
    of: {
      type: "string",
      describe: "the device of the catalog that it is of, of the same generation: speed goes by board power then",
    },
    catalog: CATALOG_OPTION,
    output: CALIBRATION_OUTPUT,
  },
  instead: () =>
    "--transfer takes the shares of a calibration file to the device of --to; nothing is planned or measured.",
};

/** Calibrations that need no device here: from times of a GPU's kernels. */
export const KERNELS: Use = {
  input: "--from",
  options: {
    from: {
      type: "string",
      array: true,
      describe:
        "tables of kernel times of a GPU (CSV), such as those that the script of --script writes; several one after another",
      notBeside: ["transfer"],
    },
    to: { type: "string", describe: "the GPU of the catalog that they are of, where the table has another name" },
    catalog: CATALOG_OPTION,
    output: CALIBRATION_OUTPUT,
  },
  instead: () =>
    "--from fits the kernels of one GPU to times that were measured on it; nothing is planned or measured.",
};

/** What times kernels: with PyTorch alone, or, products only, with CUDA's toolkit alone. */
const KERNEL_PROGRAMS: Readonly<Record<string, string>> = { python: "kernel_times.py", cuda: "kernel_times.cu" };

/** A program for a machine without loratwin. */
export const SCRIPT: Use = {
  input: "--script",
  options: {
    script: {
      type: "string",
      choices: Object.keys(KERNEL_PROGRAMS),
      bare: "python",
      describe:
        "print a program that writes a table for --from in about a minute: in Python, for PyTorch alone (also without a value), or for CUDA's compiler and cuBLAS, which times products alone",
    },
  },
  instead: () => "--script prints a program, which measures where it is run.",
};

/** Prints the program of --script. */
export function printKernelScript(io: Io, args: Arguments): void {
  io.stdout(readFileSync(packageFile("calibration", KERNEL_PROGRAMS[requiredText(args, "script")]!), "utf8"));
}

/** Fits the kernels of a GPU to the tables of --from. */
export function calibrateFromKernels(io: Io, args: Arguments): void {
  const files = args["from"] as readonly string[];
  const catalog = loadCatalog(io, optionalText(args, "catalog"));
  const { calibration, fits } = kernelCalibration(contextOf(io, args), catalog, files, optionalText(args, "to"));
  const lines = written(io, args, calibration);
  const off = (error: number | undefined): string => (error === undefined ? "-" : percent(error));
  printResult(io, args, { calibration, fits }, () =>
    [
      `${calibration.source}; layers about ${percent(calibration.meanError, 0)} off`,
      "",
      table(
        ["kernels", "times", "off by before", "off by"],
        fits.map(({ kernel, times, medianErrorBefore, medianError }) => [
          ...[kernel, `${times}`, off(medianErrorBefore), off(medianError)],
        ]),
      ),
      ...(lines.length === 0 ? [] : ["", ...lines]),
    ].join("\n"),
  );
}

function written(io: Io, args: Arguments, calibration: unknown): readonly string[] {
  const output = optionalText(args, "output");
  if (output === undefined) return [];
  writeOutput(io, output, `${canonicalJson(calibration)}\n`);
  return [`written to ${output}`];
}

/** Fits the GPUs of --cluster to observed rates. */
export async function calibrateFromObservation(io: Io, args: Arguments): Promise<void> {
  const { request } = await loadRequest(
    contextOf(io, args),
    requiredText(args, "from-observation"),
    requestChoice(args),
  );
  const observed = observedCalibration(args, comparedRequest(request));
  if (observed === undefined)
    throw new InputError({
      expected: "at least one --observed STRATEGY=TOKENS_PER_SECOND",
      at: "--from-observation",
      got: "none",
    });
  const { calibration, fit } = observed;
  const lines = written(io, args, calibration);
  const { parameters, predictions, leftOutError } = fit;
  printResult(io, args, { calibration, fitted: parameters, observations: predictions, leftOutError }, () =>
    [observationText(observed), ...lines].join("\n"),
  );
}

function transferText(before: number | undefined, calibration: LayersCalibration): string {
  return `${calibration.source}: about ${percent(calibration.meanError, 0)} off, ${percent(before ?? 0, 0)} where it was fitted`;
}

/** Takes another device's calibration to the device of --to. */
export function calibrateByTransfer(io: Io, args: Arguments): void {
  const file = requiredText(args, "transfer");
  const { calibration: given } = readCalibration(io, file);
  const calibration = transferCalibration(
    loadCatalog(io, optionalText(args, "catalog")),
    given,
    requiredText(args, "to"),
    optionalText(args, "of"),
  );
  const lines = written(io, args, calibration);
  printResult(io, args, { calibration }, () =>
    [
      calibration.model === "layers" && given.model === "layers"
        ? transferText(given.meanError, calibration)
        : `the efficiencies of ${file}, for ${requiredText(args, "to")}; a roofline calibration says nothing of its error`,
      ...lines,
    ].join("\n"),
  );
}
