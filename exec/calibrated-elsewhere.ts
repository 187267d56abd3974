import { nativeInfo, productLibraryName } from "../native/index.ts";
import type { Setting } from "../plan/index.ts";

/**
 * What to say where a measured calibration is of another kind of processor, or of another library of products on GPUs,
 * than this machine's, as sentences. Adapters do not depend on it but where the library has other ways of a product.
 */
export function calibratedElsewhere({ calibration }: Pick<Setting, "calibration">): readonly string[] {
  if (calibration.model !== "measured") return [];
  const { device, products } = calibration;
  const remarks: string[] = [];
  const { isa } = nativeInfo();
  if (device.isa !== undefined && device.isa !== isa)
    remarks.push(`times were calibrated with ${device.isa} and this machine has ${isa}: they may be others here`);
  const library = products === undefined ? "" : productLibraryName();
  if (products !== undefined && library !== "" && library !== products.library)
    remarks.push(
      `products were calibrated with ${products.library} and this is ${library}: their times and bytes may be others`,
    );
  return remarks;
}
