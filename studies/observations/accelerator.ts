import { InputError, ownValue } from "../../core/index.ts";
import type { Catalog, CatalogDevice } from "../../plan/index.ts";
import type { Accelerator } from "./training-step.ts";

function flopsOf(device: CatalogDevice): Accelerator["flops"] {
  return {
    ...(device.bfloat16FlopsPerSecond && { bfloat16: device.bfloat16FlopsPerSecond.value }),
    ...(device.float8FlopsPerSecond && { float8: device.float8FlopsPerSecond.value }),
    ...(device.float4FlopsPerSecond && { float4: device.float4FlopsPerSecond.value }),
  };
}

/** A device of the catalog as training steps on it are predicted. @throws InputError where it lacks a figure for that */
export function acceleratorOf(name: string, { devices, generations = {} }: Catalog): Accelerator {
  const device = ownValue(devices, name);
  if (device === undefined) throw new InputError({ expected: "a device of the catalog", got: name });
  const known = device.generation === undefined ? undefined : ownValue(generations, device.generation);
  const reference = known === undefined ? undefined : ownValue(devices, known.reference);
  const link = device.deviceLink?.bytesPerSecond ?? device.hostLinkBytesPerSecond;
  const { generation, networkBytesPerSecond, watts, memoryBytesPerSecond } = device;
  const figures = { memoryBytesPerSecond, link, networkBytesPerSecond, watts, reference: reference?.watts };
  const missing = Object.entries(figures).flatMap(([figure, value]) => (value === undefined ? [figure] : []));
  if (generation === undefined || reference === undefined || missing.length > 0)
    throw new InputError({
      expected: "a device of a generation, with its memory, links, network and board power",
      at: `the catalog's ${name}`,
      got: `none of ${[...(generation === undefined ? ["generation"] : []), ...missing].join(", ")}`,
    });
  return {
    ...{ name, generation, flops: flopsOf(device), referenceFlops: flopsOf(reference) },
    memoryBytesPerSecond: memoryBytesPerSecond!.value,
    linkBytesPerSecond: link!.value,
    networkBytesPerSecond: networkBytesPerSecond!.value,
    watts: watts!.value,
    referenceWatts: reference.watts!.value,
  };
}
