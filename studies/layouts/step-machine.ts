import { InputError } from "../../core/index.ts";
import type { Catalog, CatalogDevice, QuantizedDtype } from "../../plan/index.ts";
import { acceleratorOf } from "../observations/accelerator.ts";
import { plainSoftware } from "../observations/plain-software.ts";
import { requireRelease } from "../observations/published-steps.ts";
import type { Accelerator, ProductPrecision } from "../observations/training-system.ts";

/** Equal accelerators that make a step together, and their software. */
export interface StepMachine {
  readonly accelerator: Accelerator;
  readonly memoryBytes: number;
  /** Accelerators that the fast link connects, or a host. */
  readonly scaleUp: number;
  /** Of a host's PCIe by its sheet, where they reach each other over it. */
  readonly pcieBytesPerSecond?: number | undefined;
  readonly count: number;
  /** Of the operands of products, and of the base model's weights. */
  readonly precision: ProductPrecision;
  /** One of those whose steps were published, or plain software; `newest`: as fast as the newest ones. */
  readonly release: string;
  /** Kernels are launched as recorded graphs. */
  readonly hasGraphs: boolean;
  /** Collectives of tensor parallelism run beside products. */
  readonly overlaps: boolean;
  /** How the base model's weights are kept where products are given them in 16 bits; as operands are if absent. */
  readonly quantized?: QuantizedDtype | undefined;
  /** As a system's: interleaved stages, and pipelines that drain inside a step. */
  readonly virtualStages?: number | undefined;
  readonly drainAfter?: number | undefined;
}

/** What a machine is asked for beside the accelerators' type. */
export type MachineChoice = Omit<StepMachine, "accelerator" | "memoryBytes" | "scaleUp" | "pcieBytesPerSecond">;

/** Cards of a host at most, as reference servers have them. */
const HOST_CARDS = 8;
/** Cards that a bridge joins where the catalog does not say. */
const BRIDGED = 2;

/** How so many of a device reach each other: by their link or bridge, or over the PCIe of a host that has more. */
function linkOf(
  { deviceLink, scaleUpDevices, hostLinkBytesPerSecond: host }: CatalogDevice,
  count: number,
): Pick<StepMachine, "scaleUp" | "pcieBytesPerSecond"> {
  const linked = scaleUpDevices?.value ?? (deviceLink === undefined ? 1 : BRIDGED);
  if (linked >= Math.min(count, HOST_CARDS) || host === undefined) return { scaleUp: linked };
  return { scaleUp: HOST_CARDS, pcieBytesPerSecond: host.value };
}

/**
 * So many of a device of the catalog.
 * @throws InputError where the catalog lacks a figure that its steps follow from, or nothing was published of its software
 */
export function stepMachine(given: string, catalog: Catalog, rest: MachineChoice, at?: string): StepMachine {
  const accelerator = acceleratorOf(given, catalog, at);
  const { name } = accelerator;
  requireRelease(rest.release, accelerator.generation);
  const plain = plainSoftware(rest.release);
  if (plain !== undefined && rest.precision !== "bfloat16")
    throw new InputError({ expected: `bfloat16 with ${rest.release}`, got: rest.precision });
  const device = catalog.devices[name]!;
  const { memoryBytes } = device;
  const lacks = memoryBytes === undefined ? "memory" : accelerator.flops[rest.precision] ? undefined : rest.precision;
  if (memoryBytes === undefined || lacks !== undefined)
    throw new InputError({ expected: `${lacks} of ${name} in the catalog`, got: "none" });
  const { scaleUp, pcieBytesPerSecond } = linkOf(device, rest.count);
  const link = pcieBytesPerSecond === undefined ? {} : { linkBytesPerSecond: pcieBytesPerSecond };
  const hasGraphs = rest.hasGraphs && plain?.hostSeconds === undefined;
  return {
    ...{ ...rest, hasGraphs, accelerator: { ...accelerator, ...link } },
    ...{ memoryBytes: memoryBytes.value, scaleUp, pcieBytesPerSecond },
  };
}
