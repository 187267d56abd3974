// The large example planned and simulated in a process of its own.
import { closeSync, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sum } from "../core/index.ts";
import { silent } from "../files/context.ts";
import { writeLines } from "../files/given-files.ts";
import { packageFile } from "../files/index.ts";
import { createCostModel, makePlan, type PlanRequest } from "../plan/index.ts";
import { simulateStream } from "../sim/index.ts";
import { runMetrics, traceLines } from "../traces/index.ts";
import { loadCalibration, loadCluster } from "../workbench/load/load-cluster.ts";
import { loadWorkload } from "../workbench/load/load-workload.ts";
import { inOwnProcess } from "./own-process.ts";

export interface LargeSize {
  readonly jobs: number;
  readonly devices: number;
  readonly stepsOfJob: number;
  readonly writesTrace: boolean;
}

export interface LargeResult {
  /** Optimizer steps of all groups. */
  readonly steps: number;
  /** Of the trace: actions, messages sent and received. */
  readonly events: number;
  readonly planSeconds: number;
  /** Times and metrics. */
  readonly simulateSeconds: number;
  readonly writeSeconds: number;
  readonly traceBytes: number;
  /** Of the whole process. */
  readonly residentBytes: number;
}

/** @throws DeviceError when the process fails. */
export function simulateLarge(size: LargeSize): Promise<LargeResult> {
  return inOwnProcess("simulate", size);
}

async function requestOf(size: LargeSize): Promise<PlanRequest> {
  const context = silent(packageFile("examples"));
  const { devices, links } = loadCluster(context, { cluster: "large-cluster.yaml" });
  const { workload, architecture, rows } = await loadWorkload(context, "large-workload.yaml");
  const { calibration } = loadCalibration(context, {}, devices, { dtype: workload.model.dtype, architecture });
  return {
    // Two layers a stage, but one beside the embedding and one beside the head: 126 for 64 devices, as in the example.
    architecture: { ...architecture, numLayers: 2 * size.devices - 2 },
    dtype: workload.model.dtype,
    modelDigest: null,
    recompute: workload.recompute,
    jobs: workload.jobs.slice(0, size.jobs).map((job) => ({ ...job, steps: size.stepsOfJob })),
    rows: rows.slice(0, size.jobs).map((of) => ({ ...of, steps: of.steps.slice(0, size.stepsOfJob) })),
    devices: devices.slice(0, size.devices),
    links: links.slice(0, size.devices - 1),
    calibration,
    schedule: "lorapp",
    maxInFlight: "auto",
    // One a device, so that the size of the run is not the planner's choice.
    groups: size.devices,
  };
}

/** As `simulateLarge`, in this process. */
export async function largeFigures(size: LargeSize): Promise<LargeResult> {
  const began = performance.now();
  const plan = { ...makePlan(await requestOf(size)), hash: "" };
  const planned = performance.now();
  const costModel = createCostModel(plan.calibration, plan.model.dtype);
  const trace = simulateStream({ plan, planHash: "", costModel });
  runMetrics(plan, trace);
  const simulated = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-bench-"));
  const file = path.join(folder, "trace.json");
  closeSync(openSync(file, "w"));
  if (size.writesTrace) writeLines({ cwd: folder }, file, traceLines(trace));
  const written = performance.now();
  const traceBytes = statSync(file).size;
  rmSync(folder, { recursive: true, force: true });
  let events = 0;
  for (const _ of trace.events) events += 1;
  return {
    steps: sum(plan.groups.map(({ members }) => Math.max(...members.map(({ endStep }) => endStep)))),
    events,
    planSeconds: (planned - began) / 1000,
    simulateSeconds: (simulated - planned) / 1000,
    writeSeconds: (written - simulated) / 1000,
    traceBytes,
    residentBytes: process.resourceUsage().maxRSS * 1024,
  };
}
