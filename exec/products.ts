import type { Device, DeviceOptions, ProductChoice, ProductChoices } from "../native/index.ts";
import type { Setting } from "../plan/index.ts";

type Calibrated = Pick<Setting, "calibration">;

function calibratedProducts({ calibration }: Calibrated): ProductChoices | undefined {
  return calibration.model === "measured" ? calibration.products : undefined;
}

/** A run that times the ways of products which `known` has not; its losses and adapters mean nothing. */
export interface ProductMeasurement {
  readonly known: ProductChoices | undefined;
}

/** The devices of a setting, told which ways of products to take: those of its calibration, or to be measured. */
export function withProducts(
  devices: readonly DeviceOptions[],
  setting: Calibrated,
  measurement: ProductMeasurement | undefined,
): readonly DeviceOptions[] {
  const products = measurement === undefined ? calibratedProducts(setting) : measurement.known;
  const told = {
    ...(products === undefined ? {} : { products }),
    ...(measurement === undefined ? {} : { measureProducts: true }),
  };
  return devices.map((device) => (device.kind === "cuda" ? { ...device, ...told } : device));
}

function productOf({ algorithm: _, ...product }: ProductChoice): string {
  return JSON.stringify(Object.values(product));
}

/** What all devices know together, the first ones' where they differ; `undefined` where products have one way. */
export function productsOf(devices: readonly Pick<Device, "products">[]): ProductChoices | undefined {
  const known = devices.flatMap((device) => device.products() ?? []);
  const [first] = known;
  if (first === undefined) return undefined;
  const choices = new Map<string, ProductChoice>();
  for (const choice of known.flatMap((each) => each.choices)) {
    const product = productOf(choice);
    if (!choices.has(product)) choices.set(product, choice);
  }
  return { library: first.library, choices: [...choices.values()] };
}
