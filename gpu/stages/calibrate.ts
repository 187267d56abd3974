import path from "node:path";
import { writeConstantCosts } from "../constant-costs.ts";
import type { Stage } from "../stage.ts";
import { calibrationFile, writeTwinWorkload } from "../twin-workload.ts";

export const calibrate: Stage = {
  describe: "measures cuda:0 for the simulator",
  limitSeconds: 60,
  async run(context) {
    const workload = writeTwinWorkload(context.folder);
    const output = calibrationFile(context.folder);
    const { device, holdOut, link } = await context.loratwin([
      "calibrate",
      "--workload",
      workload,
      "--devices",
      "cuda:0",
      "--calibration",
      writeConstantCosts(path.dirname(output)),
      "-o",
      output,
    ]);
    context.record({ device, holdOut, link });
  },
};
