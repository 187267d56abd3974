import type { Stage } from "../stage.ts";
import { calibrationFile, writeTwinWorkload } from "../twin-workload.ts";

export const calibrate: Stage = {
  describe: "measures cuda:0 for the simulator",
  limitSeconds: 60,
  emulated: false,
  async run(context) {
    const workload = writeTwinWorkload(context.folder);
    const output = calibrationFile(context.folder);
    const { device, holdOut, link } = await context.loratwin([
      "calibrate",
      "--workload",
      workload,
      "--devices",
      "cuda:0",
      "-o",
      output,
    ]);
    context.record({ device, holdOut, link });
  },
};
