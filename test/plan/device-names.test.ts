import { expect, it } from "vitest";
import { coreOfName, gpuOfName } from "../../plan/cluster/device-names.ts";

it.each([
  ["cpu:0", 0, undefined],
  ["cpu:12", 12, undefined],
  ["cuda:1", undefined, 1],
  ["cuda:1#2", undefined, 1],
  ["cpu:1#2", undefined, undefined],
  ["my cpu:1", undefined, undefined],
  ["cuda:", undefined, undefined],
  ["cuda:1#", undefined, undefined],
  ["unit:0", undefined, undefined],
  ["a0", undefined, undefined],
])("%s names core %s and GPU %s of this machine", (name, core, gpu) => {
  expect(coreOfName(name)).toBe(core);
  expect(gpuOfName(name)).toBe(gpu);
});
