// A training step on an emulated GPU, in a process of its own that counts what each kernel's launches moved.
// There LORATWIN_ADDON has to name an addon over the emulation that checks accesses.

import { DeviceError } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { executePlan, initialPairs } from "../../exec/index.ts";
import { silent } from "../../files/context.ts";
import { packageFile } from "../../files/index.ts";
import { loadNative } from "../../native/load.ts";
import type { RawLaunch } from "../../native/raw-addon.ts";
import { type Plan, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { loadCluster } from "../../workbench/load/load-cluster.ts";
import { inOwnProcess, outputOf } from "../own-process.ts";
import { benchModel } from "../train.ts";
import { benchPlan, type ModelShape } from "../workload.ts";

/** A step of jobs in bfloat16, adapters on all projections, all rows in one micro-batch. */
export interface CountedStep {
  readonly model: ModelShape;
  readonly rank: number;
  /** Sequences of each job. */
  readonly rowsOfJobs: readonly number[];
  /** Tokens of each row; all but the first are scored. */
  readonly length: number;
}

/** What a kernel's launches of a step moved; `First`: without what a launch moved again. See RawLaunch. */
export const COUNTS = [
  "launches",
  "readBytes",
  "firstReadBytes",
  "writtenBytes",
  "firstWrittenBytes",
  "sharedCycles",
  "sharedConflicts",
  "mma",
] as const;
export type Count = (typeof COUNTS)[number];
export type Counts = Readonly<Record<Count, number>>;
/** By kernel. */
export type KernelCounts = Readonly<Record<string, Counts>>;

export function countsOf(of: (count: Count) => number): Counts {
  return Object.fromEntries(COUNTS.map((count) => [count, of(count)])) as Counts;
}

let built = false;

/** Counts in a process of its own, for which the addon is built on first use. @throws DeviceError when that fails. */
export async function countStep(step: CountedStep): Promise<KernelCounts> {
  if (!built) {
    const words = [packageFile("native", "build.mjs"), "loratwin_checked"];
    await outputOf("the build of loratwin_checked", process.execPath, words);
    built = true;
  }
  return inOwnProcess("counted-step", step, {
    env: {
      ...process.env,
      LORATWIN_ADDON: packageFile("native", "build", "loratwin_checked.node"),
      LORATWIN_CUDA_GRAPHS: "off",
    },
  });
}

/** No token twice, as far as the vocabulary reaches. */
function distinctRows(plan: Plan): readonly (readonly Row[])[] {
  let next = 0;
  const rows: Row[][] = plan.jobs.map(() => []);
  for (const microBatch of plan.microBatches) {
    for (const [job, index, tokens] of microBatch.rows) {
      const inputIds = Int32Array.from({ length: tokens }, () => next++ % plan.model.architecture.vocabularySize);
      rows[job]![index] = { inputIds, labels: inputIds.map((id, t) => (t === 0 ? -100 : id)) };
    }
  }
  return rows;
}

function byKernel(launches: readonly RawLaunch[]): KernelCounts {
  const kernels: Record<string, Counts> = {};
  for (const { kernel, readAgainBytes, writtenAgainBytes, ...moved } of launches) {
    const own: Counts = {
      ...moved,
      launches: 1,
      firstReadBytes: moved.readBytes - readAgainBytes,
      firstWrittenBytes: moved.writtenBytes - writtenAgainBytes,
    };
    const before = kernels[kernel];
    kernels[kernel] = countsOf((count) => (before?.[count] ?? 0) + own[count]);
  }
  return kernels;
}

/** As `countStep`, in this process. */
export async function stepCounts({ model, rank, rowsOfJobs, length }: CountedStep): Promise<KernelCounts> {
  const addon = loadNative();
  if (addon.countLaunches === undefined || addon.takeLaunches === undefined) {
    throw new DeviceError({
      expected: "an addon over the emulation",
      at: "LORATWIN_ADDON",
      got: "one that counts nothing",
    });
  }
  const jobs = rowsOfJobs.map((rows) => {
    return { rank, targets: UNFUSED_PROJECTIONS, batchSize: rows, microBatchSize: rows, length, steps: 1 };
  });
  const { devices } = loadCluster(silent("."), { devices: "cuda:0" });
  const plan = benchPlan({ model, dtype: "bfloat16", jobs, devices, groups: 1 });
  addon.countLaunches(true);
  const base = benchModel(plan.model.architecture);
  const start = plan.jobs.map((each) => initialPairs(each, plan.model.architecture));
  await executePlan({ plan, model: base, rows: distinctRows(plan), start, versions: {} });
  const launches = addon.takeLaunches();
  // Adapters are rounded to bfloat16 when they are loaded; a step begins with its tokens.
  return byKernel(launches.slice(launches.findIndex(({ kernel }) => kernel === "embed")));
}
