import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { inRoot, root } from "./root.mjs";
import { filesBelow } from "./stamp.mjs";

// Tests that run CUDA kernels on the CPU, many whole programs, or what is large, for most of a minute or more: left out
// of `npm test`, which is to take less than ten, run by `npm run test:all` and before a change lands.
export const SLOW_TESTS = [
  "test/bench/gpu-bytes.test.ts",
  "test/bench/suites.test.ts",
  "test/capacity/find-capacity.test.ts",
  "test/cli/capacity.test.ts",
  "test/cli/launched.test.ts",
  "test/cli/resume-fleet.test.ts",
  "test/cli/resume.test.ts",
  "test/cli/run-folder.test.ts",
  "test/exec/amx.test.ts",
  "test/exec/cuda-checked-bugs.test.ts",
  "test/exec/cuda-checked.test.ts",
  "test/exec/cuda-graphs.test.ts",
  "test/exec/cuda.test.ts",
  "test/explorer/explorer-page.test.ts",
  "test/gpu/command.test.ts",
  "test/limits/large.test.ts",
  "test/native/cuda-addon.test.ts",
  "test/native/emulation.test.ts",
  "test/native/tiles.test.ts",
  "test/plan/hand-sweep.test.ts",
  "test/ranks/mpi.test.ts",
  "test/regress/faults.test.ts",
];

// Tests that take many minutes: attacks of other seeds, checked builds of all native code, what is compiled for GPUs, and
// times of pages. Left out of these too, run by `npm run test:nightly`.
export const NIGHTLY_TESTS = [
  "test/attacks/nightly.test.ts",
  "test/explorer/answer-times.test.ts",
  "test/gpu/bundle-emulated.test.ts",
  "test/gpu/programs.test.ts",
  "test/native/nvcc.test.ts",
  "test/native/sanitizers.test.ts",
];

// Tests some of whose cases take minutes, which are run by `npm run test:nightly` alone: they ask test/nightly.ts.
export function partlyNightlyTests() {
  return filesBelow(inRoot("test"))
    .filter((file) => file.endsWith(".test.ts") && readFileSync(file, "utf8").includes('/nightly.ts"'))
    .map((file) => relative(root, file));
}
