import { it } from "vitest";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { checkMeasuredFleet, HALF_OF_PLANNED } from "./measured-script.ts";

useEmulatedAddon();

it("jobs whose sizes are learned are measured as emulated GPUs count, and predicted within 0.5 % from 15 of them on", {
  tags: ["nightly"],
}, async () => {
  await checkMeasuredFleet(18, { devices: "cuda:0,cuda:1", pipelines: 1, start: HALF_OF_PLANNED });
});
