import { formatBytes } from "../core/index.ts";
import { microBatchJobs, microBatchTokens, type Plan, recomputationText, stageText } from "../plan/index.ts";
import type { Intervals } from "../traces/index.ts";
import { costsFacts, costsText } from "./describe-costs.ts";
import { headline, intervalLine, table } from "./output.ts";

/** The --json form of a plan. */
export function planSummary(plan: Plan, intervals: Intervals | undefined): unknown {
  return {
    planHash: plan.hash,
    schedule: plan.schedule,
    fused: plan.fused,
    maxInFlight: plan.maxInFlight,
    devices: plan.devices.map(({ name, type, kind }) => ({ name, type, kind })),
    stages: plan.stages.map(({ index, device, firstLayer, endLayer, embedding, head, recomputedLayers }) => ({
      index,
      device: plan.devices[device]!.name,
      firstLayer,
      endLayer,
      embedding,
      head,
      recomputedLayers,
      memory: plan.memory[index],
    })),
    groups: plan.groups.map((jobs, index) => ({ index, jobs: jobs.map((job) => plan.jobs[job]!.name) })),
    microBatches: plan.microBatches.map((microBatch) => ({
      index: microBatch.index,
      group: microBatch.group,
      step: microBatch.step,
      part: microBatch.part,
      jobs: microBatchJobs(microBatch, plan.jobs),
      tokens: microBatchTokens(microBatch),
    })),
    costs: costsFacts(plan.calibration),
    predicted: intervals === undefined ? plan.predicted : { ...plan.predicted, intervals },
  };
}

/** A plan as a person reads it. */
export function planText(plan: Plan, file: string | undefined, intervals?: Intervals): string {
  const { predicted } = plan;
  const stages = plan.stages.map((stage) => {
    const { index, device } = stage;
    return [
      `${index}`,
      plan.devices[device]!.name,
      stageText(stage),
      `${plan.maxInFlight?.[index] ?? "no limit"}`,
      formatBytes(plan.memory[index]!.total),
      plan.devices[device]!.memoryBytes === null ? "-" : formatBytes(plan.devices[device]!.memoryBytes),
    ];
  });
  const groups = plan.groups.map(
    (jobs, index) => `  group ${index}: ${jobs.map((job) => plan.jobs[job]!.name).join(" + ")}`,
  );
  const fused = plan.fused ? " (fused)" : "";
  const recomputed = recomputationText(plan.stages);
  const lines = [
    `plan ${plan.hash.slice(7, 19)}: ${plan.schedule}, ${plan.jobs.length} jobs in ${plan.groups.length} groups${fused}, ${plan.microBatches.length} micro-batches${recomputed === undefined ? "" : `, ${recomputed}`}`,
    ...groups,
    "",
    table(["stage", "device", "layers", "in flight", "peak memory", "capacity"], stages),
  ];
  if (predicted !== null) lines.push("", `predicted with ${plan.calibration.model} costs:`, headline(predicted));
  const interval = intervals && intervalLine(intervals);
  if (interval !== undefined) lines.push(interval);
  const costs = costsText(plan.calibration);
  if (predicted !== null && costs !== undefined) lines.push(costs);
  if (file !== undefined) lines.push("", `written to ${file}`);
  return lines.join("\n");
}
