import type { Argv } from "yargs";
import { canonicalJson, InputError } from "../core/index.ts";
import { type Dtype, type LayersCalibration, transferCalibration } from "../plan/index.ts";
import { type Arguments, optionalText, requiredText } from "./command.ts";
import { comparisonPlatform, meanTraining } from "./comparison-platform.ts";
import { writeOutput } from "./files.ts";
import type { Io } from "./io.ts";
import { loadCatalog, readCalibration } from "./load-cluster.ts";
import { loadWorkload } from "./load-workload.ts";
import { observationText, observedCalibration } from "./observe-calibration.ts";
import { percent, printResult } from "./output.ts";

/** Options of --observed, here and in `strategies`. */
export function observationOptions(yargs: Argv): Argv {
  return yargs
    .option("observed", {
      type: "string",
      describe:
        "what somebody saw, as STRATEGY=TOKENS_PER_SECOND or STRATEGY=SECONDSs of a step of a job; may be repeated",
    })
    .option("fit-launch", {
      type: "boolean",
      default: false,
      describe: "fit the launch time of a pass over a layer too, from two observations or more",
    });
}

/** Options of calibrations that need no device: from observed rates, or from another device's calibration. */
export function withoutDeviceOptions(yargs: Argv): Argv {
  return observationOptions(yargs)
    .option("from-observation", {
      type: "string",
      describe: "fit the GPUs of --cluster to rates that were --observed with this workload",
    })
    .option("transfer", { type: "string", describe: "a layers or roofline calibration of another device" })
    .option("to", { type: "string", describe: "the device of the catalog that --transfer is for" });
}

function written(io: Io, args: Arguments, calibration: unknown): readonly string[] {
  const output = optionalText(args, "output");
  if (output === undefined) return [];
  writeOutput(io, output, `${canonicalJson(calibration)}\n`);
  return [`written to ${output}`];
}

async function fromObservation(io: Io, args: Arguments, file: string): Promise<void> {
  const loaded = await loadWorkload(io, file);
  const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? loaded.workload.model.dtype;
  const platform = comparisonPlatform(io, args, dtype);
  const observed = observedCalibration(args, platform, meanTraining(loaded, dtype, false), loaded.workload.jobs.length);
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

function transfer(io: Io, args: Arguments, file: string): void {
  const { calibration: given } = readCalibration(io, file);
  const calibration = transferCalibration(loadCatalog(io, args), given, requiredText(args, "to"));
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

/** Makes a calibration without measuring, where the options ask for that; false where a device is to be measured. */
export async function calibrateWithoutDevice(io: Io, args: Arguments): Promise<boolean> {
  const workload = optionalText(args, "from-observation");
  const other = optionalText(args, "transfer");
  if (workload !== undefined && other !== undefined)
    throw new InputError({ expected: "either --from-observation or --transfer", got: "both" });
  const misplaced =
    workload === undefined && args["observed"] !== undefined
      ? "observed"
      : other === undefined && args["to"] !== undefined
        ? "to"
        : undefined;
  if (misplaced !== undefined)
    throw new InputError({
      expected: misplaced === "to" ? "--transfer FILE beside --to" : "--from-observation WORKLOAD beside --observed",
      at: `--${misplaced}`,
    });
  if (workload !== undefined) await fromObservation(io, args, workload);
  else if (other !== undefined) transfer(io, args, other);
  else return false;
  return true;
}
