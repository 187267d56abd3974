import path from "node:path";
import { writeConstantCosts } from "../constant-costs.ts";
import type { Stage } from "../stage.ts";
import { writeTwinWorkload } from "../twin-workload.ts";

/** In the stage's folder. */
export const calibrationFile = (folder: string): string => path.join(folder, "calibration.json");

export const calibrate: Stage = {
  describe: "measures cuda:0 for the simulator",
  limitSeconds: 60,
  async run(context) {
    const workload = writeTwinWorkload(context.folder);
    const { device, holdOut, link } = await context.loratwin([
      "calibrate",
      "--workload",
      workload,
      "--devices",
      "cuda:0",
      "--calibration",
      writeConstantCosts(context.folder),
      "-o",
      calibrationFile(context.folder),
    ]);
    context.record({ device, holdOut, link });
  },
};
