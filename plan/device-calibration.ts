import { InputError } from "../core/index.ts";
import type { ComputeDtype } from "./compute-dtype.ts";
import type { LayersCalibration } from "./documents/calibration.ts";
import type { Catalog, CatalogDevice } from "./documents/catalog.ts";

/** The device whose efficiencies others get. */
const REFERENCE = "H100 SXM";
/** A guess: the fitted shares of the peak lie between 0.55 and 0.74. */
const TRANSFER_ERROR = 0.25;

type Efficiency = NonNullable<NonNullable<CatalogDevice["layerEfficiency"]>[ComputeDtype]>;

/** Efficiencies fitted for the device and precision, else for the device in the other one, else those of the reference. */
function efficiencyOf({ devices }: Catalog, name: string, dtype: ComputeDtype) {
  const other: ComputeDtype = dtype === "float32" ? "bfloat16" : "float32";
  const bytes = dtype === "float32" ? 2 : 0.5;
  const candidates: readonly [Efficiency | undefined, string, number, boolean][] = [
    [devices[name]?.layerEfficiency?.[dtype], `${name}, ${dtype}`, 1, true],
    [devices[name]?.layerEfficiency?.[other], `${name}, ${other}`, bytes, false],
    [devices[REFERENCE]?.layerEfficiency?.[dtype], `${REFERENCE}, ${dtype}`, 1, false],
    [devices[REFERENCE]?.layerEfficiency?.[other], `${REFERENCE}, ${other}`, bytes, false],
  ];
  return candidates.find(([efficiency]) => efficiency !== undefined);
}

/**
 * The catalog's efficiencies of a device as a calibration; of a device without any, a related one's, with an error that says so.
 * @throws InputError for a device that is not in the catalog, or a catalog without any efficiencies.
 */
export function deviceCalibration(catalog: Catalog, name: string, dtype: ComputeDtype): LayersCalibration {
  if (catalog.devices[name] === undefined)
    throw new InputError({
      expected: `a device of the catalog (${Object.keys(catalog.devices).join(", ")})`,
      got: name,
    });
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
