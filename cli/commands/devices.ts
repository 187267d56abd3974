import { totalmem } from "node:os";
import { DeviceError, formatBytes } from "../../core/index.ts";
import { gpuFreeBytes, nativeInfo } from "../../exec/index.ts";
import type { Command } from "../command.ts";
import { printResult, table } from "../output.ts";

/** What is free of a GPU beside a context; why it cannot be used, if it cannot. */
function freeMemory(index: number): { readonly freeBytes: number | null; readonly unusable?: string } {
  try {
    return { freeBytes: gpuFreeBytes(index) };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { freeBytes: null, unusable: `cannot be used (${error.facts.got})` };
  }
}

export const devicesCommand: Command = {
  usage: "devices",
  describe: "the devices of this machine",
  examples: [["$0 devices --json", "for scripts"]],
  positionals: {},
  uses: [{ input: "this machine", options: {} }],
  run(args, io) {
    const info = nativeInfo();
    const { cuda } = info;
    const devices = info.cores.map((core, index) => ({
      name: `cpu:${index}`,
      type: "cpu",
      core,
      description: info.cpuModel,
      isa: info.isa,
    }));
    const gpus = cuda.devices.map((gpu, index) => ({
      device: `cuda:${index}`,
      type: "cuda",
      ...gpu,
      ...freeMemory(index),
    }));
    const reason = cuda.devices.length === 0 ? ` (${cuda.reason})` : "";
    const result = {
      devices,
      memoryBytes: totalmem(),
      onednn: info.onednn,
      cuda: gpus.length,
      cudaBuilt: cuda.built,
      gpus,
    };
    printResult(io, args, result, () =>
      [
        table(
          ["device", "core", "instructions"],
          devices.map(({ name, core, isa }) => [name, `${core}`, isa]),
        ),
        `each is one thread; --devices cpu takes ${devices.length === 1 ? "it" : `all ${devices.length}`}`,
        ...gpus.map(
          ({ device, name, memoryBytes, freeBytes, unusable, computeCapability }) =>
            `${device}: ${name}, ${formatBytes(memoryBytes)}, ${freeBytes === null ? unusable : `${formatBytes(freeBytes)} free`}, compute capability ${computeCapability}`,
        ),
        "",
        `${info.cpuModel}, ${formatBytes(totalmem())}, oneDNN ${info.onednn}; CUDA devices: ${gpus.length}${reason}`,
      ].join("\n"),
    );
    return 0;
  },
};
