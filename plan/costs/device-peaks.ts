import { InputError } from "../../core/index.ts";
import { type ComputeDtype, computeDtype } from "../actions/compute-dtype.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { DevicePeaks } from "../kernels/layer-cost.ts";

/** What bounds a device in a precision. @throws InputError for a device of which nobody knows it. */
export function peaksOf(
  device: ResolvedDevice,
  dtype: Dtype,
  compute: ComputeDtype = computeDtype(dtype),
): DevicePeaks {
  const peaks = device.peakFlopsPerSecond;
  const bytesPerSecond = device.memoryBytesPerSecond;
  if (peaks === null || bytesPerSecond === null) {
    throw new InputError({
      expected: `peakFlopsPerSecond and memoryBytesPerSecond of device ${device.name} for a roofline or layers calibration`,
      at: "devices",
      hint: "Name a device of the catalog as its type, give the figures in the cluster file, or use a measured calibration.",
    });
  }
  return { flopsPerSecond: compute === "float32" ? peaks.float32 : (peaks.bfloat16 ?? peaks.float32), bytesPerSecond };
}
