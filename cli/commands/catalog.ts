import { canonicalJson } from "../../core/index.ts";
import { writeOutput } from "../../files/index.ts";
import { type Catalog, deviceCalibration, requireDeviceName } from "../../plan/index.ts";
import { loadCatalog } from "../../workbench/index.ts";
import { type Command, optionalText, type Use } from "../command.ts";
import { percent, printResult, table } from "../output.ts";
import { CATALOG_OPTION } from "../plan-options.ts";

function figure(entry: { readonly value: number } | undefined, unit: number, digits = 0): string {
  return entry === undefined ? "-" : (entry.value / unit).toFixed(digits);
}

function overview({ devices }: Catalog): string {
  const rows = Object.entries(devices).map(([name, device]) => [
    name,
    figure(device.float8FlopsPerSecond, 1e12),
    figure(device.bfloat16FlopsPerSecond, 1e12, 1),
    figure(device.float32FlopsPerSecond, 1e12, 1),
    figure(device.memoryBytes, 2 ** 30),
    figure(device.memoryBytesPerSecond, 1e9),
    figure(device.deviceLink?.bytesPerSecond, 1e9),
    figure(device.hostLinkBytesPerSecond, 1e9),
    figure(device.watts, 1),
  ]);
  return `${table(["device", "fp8 TFLOP/s", "bf16", "fp32", "GiB", "GB/s", "link GB/s", "PCIe GB/s", "W"], rows)}\n\nSources and prices: loratwin catalog NAME. Your own entries: --catalog FILE.`;
}

type Leaf = readonly [name: string, value: string, source: string, date: string];

function leaves(value: object, prefix: string): readonly Leaf[] {
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]): readonly Leaf[] => {
    if (typeof inner !== "object" || inner === null) return [];
    const { value: number, low, high, source, date, times, medianError, p90Error } = inner as Record<string, unknown>;
    if (source === undefined) return leaves(inner, `${prefix}${key}.`);
    const name = `${prefix}${key}`;
    if (times !== undefined) {
      const off = `${percent(medianError as number)} off (median), ${percent(p90Error as number)} (nine of ten)`;
      return [[name, `${times} times`, `${off}: ${source}`, `${date}`]];
    }
    return [[name, number === undefined ? `${low} to ${high}` : `${number}`, `${source}`, `${date}`]];
  });
}

/** What times of training on a device rest on, and how far off they are. */
function trustText(catalog: Catalog, name: string): readonly string[] {
  if (catalog.devices[name]!.kind !== "cuda") return [];
  const { source, meanError } = deviceCalibration(catalog, name, "bfloat16");
  return ["", `Times of layers in bfloat16: ${source}; about ${percent(meanError, 0)} off, up or down.`];
}

const WHOLE: Use = {
  input: "the whole catalog",
  options: { catalog: CATALOG_OPTION },
  instead: (typed) => `Name one: \`loratwin catalog 'RTX A6000' ${typed}\`.`,
};

const DEVICE: Use = {
  input: "a device of the catalog",
  options: {
    catalog: CATALOG_OPTION,
    calibration: {
      type: "string",
      writes: true,
      describe: "write the device's fitted efficiencies as a calibration to this file",
    },
    dtype: {
      type: "string",
      choices: ["float32", "bfloat16"],
      default: "bfloat16",
      describe: "dtype of --calibration",
      beside: "calibration",
    },
  },
};

export const catalogCommand: Command = {
  usage: "catalog [name]",
  describe: "known devices and their figures, each with source and date",
  examples: [
    ["$0 catalog 'RTX A6000'", "every figure of one device and where it comes from"],
    ["$0 catalog 'H100 SXM' --calibration h100.json", "a calibration for simulate and plan"],
  ],
  positionals: { name: { type: "string", describe: "a device of the catalog" } },
  uses: [WHOLE, DEVICE],
  useOf: (args) => (args["name"] === undefined ? WHOLE : DEVICE),
  run(args, io) {
    const catalog = loadCatalog(io, optionalText(args, "catalog"));
    const given = optionalText(args, "name");
    if (given === undefined) {
      printResult(io, args, catalog, () => overview(catalog));
      return 0;
    }
    const name = requireDeviceName(catalog, given, "name");
    const device = catalog.devices[name]!;
    const file = optionalText(args, "calibration");
    if (file !== undefined) {
      const calibration = deviceCalibration(catalog, name, args["dtype"] === "float32" ? "float32" : "bfloat16");
      writeOutput(io, file, `${canonicalJson(calibration)}\n`);
      printResult(
        io,
        args,
        calibration,
        () => `${file}: ${calibration.source}; about ${percent(calibration.meanError)} off`,
      );
      return 0;
    }
    printResult(io, args, device, () =>
      [
        ...leaves(device, "").map(
          ([key, value, source, date]) => `${key.padEnd(26)}  ${value.padStart(16)}  ${date}  ${source}`,
        ),
        ...trustText(catalog, name),
      ].join("\n"),
    );
    return 0;
  },
};
