import { existsSync } from "node:fs";
import path from "node:path";
import { Missing, type Stage } from "../stage.ts";
import { writeTwinWorkload } from "../twin-workload.ts";
import { virtualDevices } from "../virtual-devices.ts";
import { calibrationFile } from "./calibrate.ts";

export const twin: Stage = {
  describe: "one workload on 1, 2 and 4 devices of this GPU, executed beside the simulator",
  limitSeconds: 100,
  async run(context) {
    const calibration = calibrationFile(context.folderOf("calibrate"));
    if (!existsSync(calibration)) throw new Missing("Expected a calibration of cuda:0, which the stage before makes.");
    const workload = writeTwinWorkload(context.folder);
    for (const count of [1, 2, 4]) {
      const devices = virtualDevices(context.mode, count);
      const file = (name: string): string => path.join(context.folder, `${count}-${name}`);
      const plan = file("plan.json");
      // Not fused: every job keeps micro-batches of its own, so that there is something to order.
      const options = ["--devices", devices, "--calibration", calibration, "--no-fuse"];
      const planned = await context.loratwin(["plan", workload, ...options, "-o", plan]);
      await context.loratwin(["simulate", plan, "-o", file("simulated.json")]);
      const executed = await context.loratwin(["train", plan, "-o", file("run")]);
      const { makespanError, meanAbsActionError, weightedActionError, perKind, peakMemoryError } =
        await context.loratwin(["compare", file("simulated.json"), file("run"), "-o", file("report.html")]);
      const { tokensPerSecond, bubbleRatio, makespanSeconds } = executed;
      context.record({
        devices,
        predicted: planned["predicted"],
        executed: { makespanSeconds, tokensPerSecond, bubbleRatio },
        makespanError,
        meanAbsActionError,
        weightedActionError,
        perKind,
        peakMemoryError,
      });
      // Virtual devices share one GPU's multiprocessors, which the simulator does not know; only one device is a
      // judgement.
      if (count === 2) context.note("On 2 and 4 the devices share one GPU: times there are told, not judged.");
    }
  },
};
