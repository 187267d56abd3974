import { totalmem } from "node:os";
import { formatBytes } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import type { Command } from "../command.ts";
import { printResult, table } from "../output.ts";

export const devicesCommand: Command = {
  usage: "devices",
  describe: "the devices of this machine",
  examples: [["$0 devices --json", "for scripts"]],
  options: (yargs) => yargs,
  run(args, io) {
    const info = nativeInfo();
    const devices = info.cores.map((core, index) => ({
      name: `cpu:${index}`,
      type: "cpu",
      core,
      description: info.cpuModel,
      isa: info.isa,
    }));
    printResult(io, args, { devices, memoryBytes: totalmem(), onednn: info.onednn, cuda: 0 }, () =>
      [
        table(
          ["device", "core", "instructions"],
          devices.map(({ name, core, isa }) => [name, `${core}`, isa]),
        ),
        "",
        `${info.cpuModel}, ${formatBytes(totalmem())}, oneDNN ${info.onednn}; CUDA devices: 0 (this build has no CUDA backend)`,
      ].join("\n"),
    );
    return 0;
  },
};
