import {
  EVALUATION,
  evaluatedToTheEnd,
  FORWARD,
  microBatchTokens,
  type PlanBody,
  pipelineJobs,
  UPDATE,
} from "../../plan/index.ts";
import { idleShare, type PipelineBusy, steadyBubble, steadyRegion } from "../../traces/index.ts";
import type { ComputeColumns } from "./device.ts";

/** What `runMetrics` says of a run's trace, without making the trace. */
export interface RunFigures {
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  /** null for a first job of fewer than 4 steps, or where nothing took time. */
  readonly bubbleRatio: number | null;
  readonly bubbleRatioTotal: number;
  /** By job. */
  readonly turnaroundSeconds: readonly number[];
}

/** When the actions of each stage ran, in their order. */
export interface ComputedRun {
  readonly devices: readonly { readonly compute: ComputeColumns }[];
}

/** Time that actions take between two times, these stages together. */
function busyBetween(devices: ComputedRun["devices"], fromNs: number, toNs: number): number {
  let busy = 0;
  for (const { compute } of devices) {
    for (let at = 0; at < compute.startNs.length; at += 1) {
      const time = Math.min(compute.endNs[at]!, toNs) - Math.max(compute.startNs[at]!, fromNs);
      if (time > 0) busy += time;
    }
  }
  return busy;
}

/** The earliest forward on a pipeline's first stage of each step of its first job, if it has any. */
function stepStarts(
  plan: PlanBody,
  firstJob: number | undefined,
  { compute }: ComputedRun["devices"][number],
): readonly number[] {
  const starts: number[] = [];
  compute.letters.forEach((letter, at) => {
    const { step, rows } = plan.microBatches[compute.microBatches[at]!]!;
    if (letter !== FORWARD || !rows.some(([job]) => job === firstJob)) return;
    starts[step] = Math.min(starts[step] ?? Number.POSITIVE_INFINITY, compute.startNs[at]!);
  });
  return starts;
}

/** A pipeline's stages in its steady region. */
function steadyBusy(plan: PlanBody, run: ComputedRun, pipeline: number): PipelineBusy {
  const { firstStage, endStage } = plan.pipelines[pipeline]!;
  const devices = run.devices.slice(firstStage, endStage);
  const region = steadyRegion(stepStarts(plan, pipelineJobs(plan, pipeline)[0], devices[0]!));
  const busyNs = region === undefined ? 0 : busyBetween(devices, region.fromNs, region.toNs);
  return { region, busyNs, numDevices: devices.length };
}

function turnarounds(plan: PlanBody, run: ComputedRun): readonly number[] {
  const endNs = plan.jobs.map(() => 0);
  for (const { compute } of run.devices) {
    compute.letters.forEach((letter, at) => {
      const microBatch = plan.microBatches[compute.microBatches[at]!]!;
      if (letter === EVALUATION)
        for (const job of evaluatedToTheEnd(plan, microBatch)) endNs[job] = Math.max(endNs[job]!, compute.endNs[at]!);
      if (letter !== UPDATE) return;
      const { group, step } = microBatch;
      for (const { job, firstStep } of plan.groups[group]!.members)
        if (firstStep + step === plan.jobs[job]!.steps - 1) endNs[job] = Math.max(endNs[job]!, compute.endNs[at]!);
    });
  }
  return endNs.map((end) => end / 1e9);
}

/** The numbers of a finished run of which an interval is given. */
export function runFigures(plan: PlanBody, run: ComputedRun): RunFigures {
  let startNs = Number.POSITIVE_INFINITY;
  let endNs = 0;
  for (const { compute } of run.devices) {
    startNs = Math.min(startNs, compute.startNs[0] ?? startNs);
    endNs = Math.max(endNs, compute.endNs.at(-1) ?? 0);
  }
  const makespanSeconds = (endNs - startNs) / 1e9;
  let tokens = 0;
  for (const microBatch of plan.microBatches)
    if (microBatch.evaluation === undefined) tokens += microBatchTokens(microBatch);
  return {
    makespanSeconds,
    tokensPerSecond: makespanSeconds === 0 ? 0 : tokens / makespanSeconds,
    bubbleRatio: steadyBubble(plan.pipelines.map((_, pipeline) => steadyBusy(plan, run, pipeline))),
    bubbleRatioTotal: idleShare(busyBetween(run.devices, startNs, endNs), run.devices.length, startNs, endNs) ?? 0,
    turnaroundSeconds: turnarounds(plan, run),
  };
}
