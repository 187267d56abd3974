// A cluster trace simulated under mlora in a process of its own.

import { mean } from "../core/index.ts";
import { readClusterTrace } from "../datasets/index.ts";
import { silent } from "../files/context.ts";
import { packageFile } from "../files/index.ts";
import { createCostModel } from "../plan/index.ts";
import { CohortTimes, planKinds, simulateFleet, traceMembers } from "../sim/index.ts";
import { loadRequest } from "../workbench/load/load-request.ts";
import { inOwnProcess } from "./own-process.ts";
import { phillyLike } from "./philly-like.ts";

export interface TraceSize {
  /** Philly's table of jobs; random jobs that are spread as these are where absent. */
  readonly file?: string;
  /** So many of them; all where absent. */
  readonly jobs?: number;
  readonly pipelines: number;
  readonly atOnce: number;
  /** Of the fleet's time while jobs come. */
  readonly load: number;
  /** Jobs of the second kind are urgent. */
  readonly hasUrgent: boolean;
}

export interface TraceResult {
  readonly jobs: number;
  readonly readSeconds: number;
  readonly planSeconds: number;
  readonly simulateSeconds: number;
  /** Of the whole process, all threads. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly decisions: number;
  readonly utilisation: number;
  readonly meanTurnaroundSeconds: number;
  readonly preemptions: number;
}

/** @throws DeviceError when the process fails. */
export function simulateTrace(size: TraceSize): Promise<TraceResult> {
  return inOwnProcess("trace", size);
}

/** As `simulateTrace`, in this process. */
export async function traceFigures({
  file,
  jobs,
  pipelines,
  atOnce,
  load,
  hasUrgent,
}: TraceSize): Promise<TraceResult> {
  const began = performance.now();
  const limit = jobs === undefined ? {} : { limit: jobs };
  const traced =
    file === undefined ? phillyLike(jobs) : (await readClusterTrace(file, { format: "philly", ...limit })).jobs;
  const read = performance.now();
  const { request } = await loadRequest(silent("."), packageFile("examples", "cluster-trace.yaml"), {
    cluster: packageFile("examples", pipelines > 4 ? "large-cluster.yaml" : "gpu-cluster.yaml"),
    overTime: true,
    choices: { jobsAtOnce: atOnce, groups: "unfused", schedule: "lorapp", pipelines },
  });
  const { setting, kinds: planned } = planKinds(request);
  const kinds = planned.map((kind, number) =>
    hasUrgent && number === 1 ? { ...kind, job: { ...kind.job, priority: 1 } } : kind,
  );
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const times = new CohortTimes(setting, costs, kinds);
  const { members } = traceMembers({
    jobs: traced,
    setting,
    kinds,
    deadlinesNs: kinds.map(() => null),
    iterationNs: kinds.map((_, number) => times.iterationNs(0, [{ number }])[0]!),
    amount: { load },
  });
  const drawn = performance.now();
  const { metrics, journal } = simulateFleet({ setting, costs, members, policy: "mlora", most: atOnce });
  const simulated = performance.now();
  const { user, system } = process.cpuUsage();
  return {
    jobs: members.length,
    readSeconds: (read - began) / 1000,
    planSeconds: (drawn - read) / 1000,
    simulateSeconds: (simulated - drawn) / 1000,
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.resourceUsage().maxRSS * 1024,
    decisions: journal.reduce((count, { decisions }) => count + decisions.length, 0),
    utilisation: mean(metrics.utilisation),
    meanTurnaroundSeconds: metrics.turnaroundSeconds.mean,
    preemptions: metrics.preemptions,
  };
}
