import { InputError, ownValue } from "../../core/index.ts";
import type { ComputeDtype } from "../actions/compute-dtype.ts";
import type { Calibration, LayersCalibration, RooflineCalibration } from "../documents/calibration.ts";
import type { Catalog } from "../documents/catalog.ts";
import { requireDeviceName } from "../documents/catalog-names.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { KernelFigures } from "../documents/kernels.ts";
import { type GpuKernels, gpuKernels, type KernelSource, powerShare } from "../kernels/gpu-kernels.ts";

/** The device whose efficiencies others get. */
const REFERENCE = "H100 SXM";
/** A guess for shares of the peak that are another device's: the fitted ones lie between 0.55 and 0.74. */
const TRANSFER_ERROR = 0.25;
/** Of whole layers whose kernels are another device's, by what these rest on: docs/reference/gpus.md has what was seen. */
const KERNEL_ERRORS: Readonly<Record<KernelSource, number>> = { measured: 0.06, generation: 0.1, mean: 0.18 };

/** The type of devices that are described by figures only. */
const CUSTOM = "custom";

/**
 * What the catalog knows of a device as a calibration; of a device that nobody measured, what a related one's times say,
 * with an error that says so.
 * @throws InputError for a device that is not in the catalog, or a catalog without any efficiencies.
 */
export function deviceCalibration(catalog: Catalog, name: string, dtype: ComputeDtype): LayersCalibration {
  return efficienciesFor(catalog, [requireDeviceName(catalog, name)], dtype);
}

/** What training loses beside bursts of kernels, and what it moves in memory, in 16 bits. */
export interface TrainingLosses {
  /** Of the kernels' speed in bursts. */
  readonly sustained: number;
  readonly activationBytes: number;
  readonly adapterBytes: number;
  readonly headBytes: number;
}

/** Of the device whose layers were timed. @throws InputError for a catalog that does not say */
export function trainingLosses({ devices }: Catalog): TrainingLosses {
  const layers = ownValue(devices, REFERENCE)?.layerEfficiency?.bfloat16;
  if (layers?.adapterBytes === undefined)
    throw new InputError({ expected: `layerEfficiency.bfloat16 of ${REFERENCE} with adapterBytes`, at: "devices" });
  const { computeEfficiency, activationBytes, adapterBytes, headBytes } = layers;
  return {
    ...{ sustained: computeEfficiency.value, activationBytes: activationBytes.value },
    ...{ adapterBytes: adapterBytes.value, headBytes: headBytes.value },
  };
}

/** A GPU's kernels as calibrations have them. */
function figuresOf(
  { products, attention, collectives, memoryBoundSpeed }: GpuKernels,
  adapterBytes: number,
): KernelFigures {
  return {
    ...{ products, attention, adapterBytes },
    ...(memoryBoundSpeed === 1 ? {} : { memoryBoundSpeed }),
    ...(collectives === undefined ? {} : { collectives }),
  };
}

/** Where kernels come from, in words. */
function kernelsText(name: string, { source, of }: GpuKernels): string {
  if (source === "measured") return `kernels timed on ${name}`;
  return source === "generation"
    ? `kernels of ${name} as timed on ${of}`
    : `kernels of ${name} as on GPUs that were timed`;
}

/** `deviceCalibration` of devices of several types; what is not in the catalog is a device of an unknown type. */
function efficienciesFor(catalog: Catalog, names: readonly string[], dtype: ComputeDtype): LayersCalibration {
  const only = names.length === 1 ? names[0]! : undefined;
  const own = only === undefined ? undefined : ownValue(catalog.devices, only)?.layerEfficiency?.[dtype];
  const efficiency = own ?? ownValue(catalog.devices, REFERENCE)?.layerEfficiency?.[dtype];
  const label = names.map((name) => (name === CUSTOM ? "GPUs with figures of their own" : name)).join(" and ");
  if (efficiency === undefined)
    throw new InputError({ expected: `layerEfficiency of ${label} or ${REFERENCE}`, at: "devices", got: "none" });
  const figures = {
    computeEfficiency: efficiency.computeEfficiency.value,
    activationBytes: efficiency.activationBytes.value,
    scoreBytes: efficiency.scoreBytes?.value ?? 0,
    launchSeconds: efficiency.launchSeconds.value,
    headBytes: efficiency.headBytes.value,
    transferEfficiency: 0.8,
    transferLatencySeconds: 1e-5,
  };
  const head = { kind: "calibration", version: 1, model: "layers" } as const;
  const layersOf = own === undefined ? REFERENCE : only!;
  const { adapterBytes } = efficiency;
  const kernels = adapterBytes === undefined ? [] : names.map((name) => [name, gpuKernels(catalog, name)] as const);
  const known = kernels.flatMap(([name, found]) => (found === undefined ? [] : [[name, found] as const]));
  if (adapterBytes === undefined || known.length < names.length)
    return {
      ...head,
      source: own === undefined ? `transferred to ${label}, ${dtype}, from ${layersOf}` : `fitted: ${label}, ${dtype}`,
      ...figures,
      meanError: own === undefined ? Math.max(TRANSFER_ERROR, efficiency.meanError.value) : efficiency.meanError.value,
    };
  const layersError = efficiency.meanError.value;
  const kernelError = Math.max(...known.map(([, { source }]) => KERNEL_ERRORS[source]));
  return {
    ...head,
    source: `${known.map(([name, found]) => kernelsText(name === CUSTOM ? label : name, found)).join(", ")}; LoRA layers timed on ${layersOf}`,
    ...figures,
    kernels: Object.fromEntries(known.map(([name, found]) => [name, figuresOf(found, adapterBytes.value)])),
    // Layers that were timed are what the kernels' error was seen in.
    meanError: own === undefined ? Math.hypot(layersError, kernelError) : layersError,
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
  return efficienciesFor(catalog, [...new Set(devices.map(({ type }) => type))], dtype);
}

/** Of types of MLPerf's rows that were left out of the fit, the worst one's mean error (docs/reference/accuracy.md). */
const GENERATION_ERROR = 0.06;

/** `powerShare` of two devices of one generation. @throws InputError for others, or without board power or peaks */
function shareInGeneration(catalog: Catalog, from: string, to: string): number {
  const [before, after] = [catalog.devices[from]!, catalog.devices[to]!];
  if (before.generation === undefined || before.generation !== after.generation)
    throw new InputError({
      expected: `a device of ${to}'s generation (${after.generation ?? "none is known"})`,
      at: "--of",
      got: `${from}, of ${before.generation ?? "none that is known"}`,
      hint: "Without --of shares of the peak stay as they are, with an error of 25 %.",
    });
  if (before.watts === undefined || after.watts === undefined)
    throw new InputError({ expected: "devices with peaks and board power in the catalog", at: "--of", got: from });
  return powerShare(before, after);
}

/**
 * A calibration of one device for another: shares of the peaks, bytes and launch times stay, since those of the new
 * device are its own. How far shares differ between devices is a guess that comes to the error as an independent part.
 * `of`: the device that it is of, where that is one of the same generation; speed goes with the square root of board
 * power then.
 * @throws InputError for a device that is not in the catalog or has no peaks, or a calibration that holds times instead
 * of efficiencies; with `of` for devices of two generations or designs
 */
export function transferCalibration(
  catalog: Catalog,
  calibration: Calibration,
  to: string,
  of?: string,
): LayersCalibration | RooflineCalibration {
  const name = requireDeviceName(catalog, to, "--to");
  const from = of === undefined ? undefined : requireDeviceName(catalog, of, "--of");
  const { float32FlopsPerSecond, memoryBytesPerSecond } = catalog.devices[name]!;
  if (float32FlopsPerSecond === undefined || memoryBytesPerSecond === undefined)
    throw new InputError({ expected: "a device with peaks in the catalog", at: "--to", got: name });
  switch (calibration.model) {
    case "roofline":
      return calibration;
    case "layers": {
      const share = from === undefined ? 1 : shareInGeneration(catalog, from, name);
      // The kernels of the new device have its power.
      const computeEfficiency = calibration.computeEfficiency * (calibration.kernels === undefined ? share : 1);
      if (computeEfficiency > 1)
        throw new InputError({
          expected: `a device of the design of ${name}, whose peak that speed is below`,
          at: "--of",
          got: from,
        });
      const error = from === undefined ? TRANSFER_ERROR : GENERATION_ERROR;
      const known = calibration.kernels === undefined ? undefined : gpuKernels(catalog, name);
      const { adapterBytes } = Object.values(calibration.kernels ?? {})[0] ?? {};
      return {
        ...calibration,
        // Shares of the kernels' speed stay; the kernels are the new device's.
        ...(known === undefined || adapterBytes === undefined
          ? {}
          : { kernels: { [name]: figuresOf(known, adapterBytes) } }),
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
