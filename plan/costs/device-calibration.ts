import { InputError, ownValue } from "../../core/index.ts";
import type { ComputeDtype } from "../compute-dtype.ts";
import type { Calibration, LayersCalibration, RooflineCalibration } from "../documents/calibration.ts";
import type { Catalog, CatalogDevice } from "../documents/catalog.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";

/** The device whose efficiencies others get. */
const REFERENCE = "H100 SXM";
/** A guess: the fitted shares of the peak lie between 0.55 and 0.74. */
const TRANSFER_ERROR = 0.25;

type Efficiency = NonNullable<NonNullable<CatalogDevice["layerEfficiency"]>[ComputeDtype]>;

/** The type of devices that are described by figures only. */
const CUSTOM = "custom";

/**
 * Efficiencies fitted for the device and precision, else for the device in the other one, else those of the reference.
 */
function efficiencyOf({ devices }: Catalog, name: string, dtype: ComputeDtype) {
  const other: ComputeDtype = dtype === "float32" ? "bfloat16" : "float32";
  const bytes = dtype === "float32" ? 2 : 0.5;
  const candidates: readonly [Efficiency | undefined, string, number, boolean][] = [
    [ownValue(devices, name)?.layerEfficiency?.[dtype], `${name}, ${dtype}`, 1, true],
    [ownValue(devices, name)?.layerEfficiency?.[other], `${name}, ${other}`, bytes, false],
    [devices[REFERENCE]?.layerEfficiency?.[dtype], `${REFERENCE}, ${dtype}`, 1, false],
    [devices[REFERENCE]?.layerEfficiency?.[other], `${REFERENCE}, ${other}`, bytes, false],
  ];
  return candidates.find(([efficiency]) => efficiency !== undefined);
}

function requireDevice({ devices }: Catalog, name: string): CatalogDevice {
  const device = ownValue(devices, name);
  if (device !== undefined) return device;
  throw new InputError({ expected: `a device of the catalog (${Object.keys(devices).join(", ")})`, got: name });
}

/**
 * The catalog's efficiencies of a device as a calibration; of a device without any, a related one's, with an error that
 * says so.
 * @throws InputError for a device that is not in the catalog, or a catalog without any efficiencies.
 */
export function deviceCalibration(catalog: Catalog, name: string, dtype: ComputeDtype): LayersCalibration {
  requireDevice(catalog, name);
  return efficienciesFor(catalog, name, dtype);
}

/** `deviceCalibration`, with the reference's efficiencies under a name that is not in the catalog. */
function efficienciesFor(catalog: Catalog, name: string, dtype: ComputeDtype): LayersCalibration {
  const found = efficiencyOf(catalog, name, dtype);
  const [efficiency, from, bytes, isOwn] = found ?? [];
  if (efficiency === undefined || bytes === undefined)
    throw new InputError({ expected: `layerEfficiency of ${name} or ${REFERENCE}`, at: "devices", got: "none" });
  return {
    kind: "calibration",
    version: 1,
    model: "layers",
    source: isOwn === true ? `fitted: ${from}` : `transferred to ${name}, ${dtype}, from ${from}`,
    computeEfficiency: efficiency.computeEfficiency.value,
    activationBytes: efficiency.activationBytes.value * bytes,
    scoreBytes: (efficiency.scoreBytes?.value ?? 0) * bytes,
    launchSeconds: efficiency.launchSeconds.value,
    headBytes: efficiency.headBytes.value,
    transferEfficiency: 0.8,
    transferLatencySeconds: 1e-5,
    meanError: isOwn === true ? efficiency.meanError.value : Math.max(TRANSFER_ERROR, efficiency.meanError.value),
  };
}

/**
 * What the times of GPUs are from where nobody gave a calibration: the catalog's efficiencies of their type; of several
 * types, or of devices that are described by figures only, the reference's shares of each one's own peaks. Undefined
 * where one of them is no GPU or nobody knows its peaks.
 */
export function gpuCalibration(
  catalog: Catalog,
  devices: readonly Pick<ResolvedDevice, "kind" | "type" | "peakFlopsPerSecond" | "memoryBytesPerSecond">[],
  dtype: ComputeDtype,
): LayersCalibration | undefined {
  const known = devices.every(
    ({ kind, peakFlopsPerSecond, memoryBytesPerSecond }) =>
      kind === "cuda" && peakFlopsPerSecond !== null && memoryBytesPerSecond !== null,
  );
  if (!known) return undefined;
  const types = [...new Set(devices.map(({ type }) => type))];
  return efficienciesFor(
    catalog,
    types.map((type) => (type === CUSTOM ? "GPUs with figures of their own" : type)).join(" and "),
    dtype,
  );
}

/** Of types of MLPerf's rows that were left out of the fit, the worst one's mean error (docs/accuracy.md). */
const GENERATION_ERROR = 0.06;

/**
 * What the share of its own peak that a device reaches is multiplied with for another one of its generation: there speed
 * goes with the square root of board power (docs/accuracy.md), whatever the peaks are.
 * @throws InputError for devices of two generations, or without board power or peaks
 */
function shareInGeneration(catalog: Catalog, from: string, to: string): number {
  const [before, after] = [requireDevice(catalog, from), requireDevice(catalog, to)];
  if (before.generation === undefined || before.generation !== after.generation)
    throw new InputError({
      expected: `a device of ${to}'s generation (${after.generation ?? "none is known"})`,
      at: "--of",
      got: `${from}, of ${before.generation ?? "none that is known"}`,
      hint: "Without --of shares of the peak stay as they are, with an error of 25 %.",
    });
  const dtype = before.bfloat16FlopsPerSecond && after.bfloat16FlopsPerSecond ? "bfloat16" : "float32";
  const [was, is] = [before, after].map((device) => device[`${dtype}FlopsPerSecond`]?.value);
  if (was === undefined || is === undefined || before.watts === undefined || after.watts === undefined)
    throw new InputError({ expected: "devices with peaks and board power in the catalog", at: "--of", got: from });
  return (was / is) * Math.sqrt(after.watts.value / before.watts.value);
}

/**
 * A calibration of one device for another: shares of the peaks, bytes and launch times stay, since those of the new
 * device are its own. How far shares differ between devices is a guess that comes to the error as an independent part.
 * `from`: the device that it is of, where that is one of the same generation; speed goes with the square root of board
 * power then.
 * @throws InputError for a device that is not in the catalog or has no peaks, or a calibration that holds times instead
 * of efficiencies; with `from` for devices of two generations or designs
 */
export function transferCalibration(
  catalog: Catalog,
  calibration: Calibration,
  name: string,
  from?: string,
): LayersCalibration | RooflineCalibration {
  const { float32FlopsPerSecond, memoryBytesPerSecond } = requireDevice(catalog, name);
  if (float32FlopsPerSecond === undefined || memoryBytesPerSecond === undefined)
    throw new InputError({ expected: "a device with peaks in the catalog", at: "--to", got: name });
  switch (calibration.model) {
    case "roofline":
      return calibration;
    case "layers": {
      const computeEfficiency =
        calibration.computeEfficiency * (from === undefined ? 1 : shareInGeneration(catalog, from, name));
      if (computeEfficiency > 1)
        throw new InputError({
          expected: `a device of the design of ${name}, whose peak that speed is below`,
          at: "--of",
          got: from,
        });
      const error = from === undefined ? TRANSFER_ERROR : GENERATION_ERROR;
      return {
        ...calibration,
        computeEfficiency,
        source: `transferred to ${name} from ${calibration.source}${from === undefined ? "" : `, by board power`}`,
        meanError: Math.hypot(calibration.meanError, error),
      };
    }
    case "measured":
    case "constant":
      throw new InputError({
        expected: "a layers or roofline calibration, which holds shares of a device's peaks,",
        at: "--transfer",
        got: calibration.model,
        hint: `A ${calibration.model} calibration holds times of one device, which say nothing of another. \`loratwin catalog NAME --calibration FILE\` and \`calibrate --from-observation\` make layers calibrations.`,
      });
  }
}
