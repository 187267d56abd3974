import { InputError } from "../../core/index.ts";
import { CATALOG, type DevicePeaks } from "../../plan/index.ts";

/** The catalog's figures of the device that a text is about. */
export interface NamedDevice extends DevicePeaks {
  readonly name: string;
  /** To a neighbour; of the host link where there is no other. */
  readonly linkBytesPerSecond: number;
}

/**
 * The device whose name stands in a text, or else the one whose model does ("A100"): its SXM form with the most memory,
 * since that is what large machines have. Peaks and fitted efficiencies only count as products, so a near relative
 * does.
 * @throws InputError where no name is found.
 */
export function deviceOf(text: string): NamedDevice {
  const { devices } = CATALOG;
  const words = ` ${text.toLowerCase().replace(/[^a-z0-9]+/g, " ")} `;
  const names = Object.keys(devices).filter((name) => devices[name]!.kind === "cuda");
  const bySize = (a: string, b: string): number =>
    Number(b.includes("SXM")) - Number(a.includes("SXM")) ||
    (devices[b]!.memoryBytes?.value ?? 0) - (devices[a]!.memoryBytes?.value ?? 0);
  const model = (name: string): string => name.replace(/^RTX /, "").split(" ")[0]!.toLowerCase();
  const name =
    names.find((each) => words.includes(` ${each.toLowerCase()} `)) ??
    names.find((each) => words.includes(` ${each.toLowerCase().replaceAll(" ", "")} `)) ??
    names.filter((each) => words.includes(` ${model(each)} `)).sort(bySize)[0];
  const device = name === undefined ? undefined : devices[name];
  if (name === undefined || device === undefined)
    throw new InputError({
      expected: "the name of a device of the catalog",
      got: text,
      hint: `Put one of these into the file's name or its \`device\`: ${names.join(", ")}.`,
    });
  return {
    name,
    flopsPerSecond: device.bfloat16FlopsPerSecond!.value,
    bytesPerSecond: device.memoryBytesPerSecond!.value,
    linkBytesPerSecond: (device.deviceLink?.bytesPerSecond ?? device.hostLinkBytesPerSecond!).value,
  };
}
