import { formatBytes, PlanError, sum } from "../../core/index.ts";
import { WEIGHT_BYTES } from "../costs/weight-bytes.ts";
import { layerProducts } from "../memory/layer-products.ts";
import type { PlanRequest } from "./request.ts";

/**
 * Refuses at once what no search can mend: layers whose weights alone are more than all devices hold together.
 * @throws PlanError
 */
export function checkWeightsFit({ architecture, dtype, devices, sharedBytes }: PlanRequest): void {
  const layers = Array.from({ length: architecture.numLayers }, (_, layer) => layerProducts(architecture, layer));
  const weights = sum(layers.flat().map(({ in: rows, out: columns, experts }) => experts * rows * columns));
  const needed = weights * WEIGHT_BYTES[dtype];
  const held = sum(
    devices.map(({ memoryBytes }, i) => (memoryBytes ?? Number.POSITIVE_INFINITY) + (sharedBytes?.[i] ?? 0)),
  );
  if (needed <= held) return;
  const count = devices.length === 1 ? "the device holds" : `all ${devices.length} devices hold`;
  throw new PlanError({
    expected: "a plan that fits into the devices' memory",
    detail: `The layers' weights in ${dtype} alone take ${formatBytes(needed)}; ${count} ${formatBytes(held)}.`,
    hint: "Use more devices, larger ones, or a smaller --dtype. `--devices 'H100 SXM*8'` plans for GPUs that are not here.",
  });
}
