import { InputError, ownValue } from "../../core/index.ts";
import {
  type Catalog,
  type CatalogDevice,
  type GpuKernels,
  gpuKernels,
  requireDeviceName,
  type TrainingLosses,
  trainingLosses,
} from "../../plan/index.ts";
import type { Accelerator } from "./training-system.ts";

function flopsOf(device: CatalogDevice): Accelerator["flops"] {
  return {
    ...(device.bfloat16FlopsPerSecond && { bfloat16: device.bfloat16FlopsPerSecond.value }),
    ...(device.float8FlopsPerSecond && { float8: device.float8FlopsPerSecond.value }),
    ...(device.float4FlopsPerSecond && { float4: device.float4FlopsPerSecond.value }),
  };
}

/** What training moves in memory, where kernels come nearer to its rate than on the device whose layers were timed. */
function lossesOf(catalog: Catalog, { memoryBoundSpeed }: GpuKernels): TrainingLosses {
  const { sustained, activationBytes, adapterBytes, headBytes } = trainingLosses(catalog);
  return {
    sustained,
    activationBytes: activationBytes / memoryBoundSpeed,
    ...{ adapterBytes: adapterBytes / memoryBoundSpeed, headBytes: headBytes / memoryBoundSpeed },
  };
}

/** Of a device of which nobody says it: 100 Gbit/s. */
const NETWORK = 12.5e9;

/**
 * A device of the catalog as training steps on it are predicted; one without a generation is alone in its own.
 * @throws InputError where it lacks a figure for that
 */
export function acceleratorOf(given: string, catalog: Catalog, at?: string): Accelerator {
  const name = requireDeviceName(catalog, given, at);
  const device = catalog.devices[name]!;
  const link = device.deviceLink?.bytesPerSecond ?? device.hostLinkBytesPerSecond;
  const { generation = name, networkBytesPerSecond, memoryBytesPerSecond } = device;
  const kernels = gpuKernels(catalog, name);
  const figures = { memoryBytesPerSecond, link, kernels };
  const missing = Object.entries(figures).flatMap(([figure, value]) => (value === undefined ? [figure] : []));
  if (missing.length > 0)
    throw new InputError({
      expected: "a device with its memory's rate and a link",
      at: `the catalog's ${name}`,
      got: `none of ${missing.join(", ")}`,
    });
  return {
    ...{ name, generation, flops: flopsOf(device), kernels: kernels!, losses: lossesOf(catalog, kernels!) },
    memoryBytesPerSecond: memoryBytesPerSecond!.value,
    linkBytesPerSecond: link!.value,
    networkBytesPerSecond: networkBytesPerSecond?.value ?? NETWORK,
    float8Attention: ownValue(catalog.generations ?? {}, generation)?.float8Attention?.value ?? 1,
  };
}
