import { expect, test } from "vitest";
import { areReached, type StageGpu } from "../../../exec/ranks/rank-gpus.ts";

const GPU: StageGpu = { library: "NCCL 2.21.5", id: "a" };

test("NCCL carries messages between two GPUs of ranks that load the same version of it", () => {
  expect(areReached(GPU, { ...GPU, id: "b" })).toBe(true);
  expect(areReached(GPU, GPU)).toBe(false);
  expect(areReached(GPU, { library: "NCCL 2.22.3", id: "b" })).toBe(false);
  expect(areReached(GPU, undefined)).toBe(false);
  expect(areReached(undefined, undefined)).toBe(false);
});
