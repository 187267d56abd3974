import { costsFacts } from "../calibration/index.ts";
import { counted, formatBytes, sum } from "../core/index.ts";
import {
  isFused,
  isSample,
  jobsAtOnce,
  jobsOfGroup,
  microBatchJobs,
  microBatchTokens,
  type Plan,
  type PlanExplanation,
  type PlannedPipeline,
  pipelineGroups,
  pipelineJobs,
  pipelineMicroBatches,
  recomputationText,
  sharedWeightsText,
  stageText,
} from "../plan/index.ts";
import type { Intervals } from "../traces/index.ts";
import { costsText } from "./describe-costs.ts";
import { headline, intervalLines, table } from "./output.ts";

/** A pipeline in words: where it runs and what it trains. */
function pipelineFacts(plan: Plan, { firstStage, endStage }: PlannedPipeline, index: number) {
  const stages = plan.stages.slice(firstStage, endStage);
  const groups = pipelineGroups(plan, index);
  const microBatches = pipelineMicroBatches(plan, index);
  return {
    index,
    stages: stages.map((stage) => stage.index),
    devices: stages.map(({ device }) => plan.devices[device]!.name),
    groups,
    jobs: pipelineJobs(plan, index).map((job) => plan.jobs[job]!.name),
    microBatches: microBatches.length,
    tokens: sum(microBatches.map(microBatchTokens)),
  };
}

/** `0-3`, or `0` for one alone. */
function range(values: readonly (string | number)[]): string {
  return values.length === 1 ? `${values[0]}` : `${values[0]}-${values.at(-1)}`;
}

/** The pipelines of a plan that has several. */
function pipelineTable(plan: Plan): readonly string[] {
  if (plan.pipelines.length === 1) return [];
  const rows = plan.pipelines.map((pipeline, index) => {
    const { stages, devices, groups, jobs, microBatches, tokens } = pipelineFacts(plan, pipeline, index);
    const inRow = groups.every((group, i) => group === groups[0]! + i);
    return [
      `${index}`,
      devices.length > 2 ? `${devices[0]} to ${devices.at(-1)}` : devices.join(", "),
      range(stages),
      inRow ? range(groups) : groups.join(", "),
      `${jobs.length}`,
      `${microBatches}`,
      `${tokens}`,
    ];
  });
  return ["", table(["pipeline", "devices", "stages", "groups", "jobs", "micro-batches", "tokens"], rows)];
}

/** What is evaluated, by job. */
function evaluations(plan: Plan): readonly { readonly job: string; readonly rows: number; readonly times: number }[] {
  return plan.jobs.flatMap(({ name, evaluation }, job) => {
    if (evaluation === undefined) return [];
    const own = plan.microBatches.filter(
      (microBatch) =>
        microBatch.evaluation === true && !isSample(microBatch) && microBatch.rows.some(([of]) => of === job),
    );
    const rows = sum(own.map((microBatch) => microBatch.rows.filter(([of]) => of === job).length));
    const times = own.filter(({ part }) => part === 0).length;
    return [{ job: name, rows: rows / times, times }];
  });
}

function evaluationLines(plan: Plan): readonly string[] {
  return evaluations(plan).map(
    ({ job, rows, times }) => `  ${job} is evaluated ${times} times, on ${rows} held-out rows`,
  );
}

/** What is answered, by job. */
function samples(plan: Plan): readonly { readonly job: string; readonly prompts: number; readonly times: number }[] {
  return plan.jobs.flatMap(({ name, sample, steps, firstStep = 0 }) => {
    if (sample === undefined) return [];
    const { everySteps, prompts } = sample;
    const times = Math.ceil(steps / everySteps) - Math.floor(firstStep / everySteps);
    return [{ job: name, prompts: prompts.length, times }];
  });
}

function sampleLines(plan: Plan): readonly string[] {
  return samples(plan).map(
    ({ job, prompts, times }) => `  ${job} answers ${counted(prompts, "prompt")} ${counted(times, "time")}`,
  );
}

/** The --json form of a plan. */
export function planSummary(plan: Plan, intervals: Intervals | undefined, explanation?: PlanExplanation): unknown {
  return {
    planHash: plan.hash,
    schedule: plan.schedule,
    fused: isFused(plan),
    maxInFlight: plan.maxInFlight,
    jobsAtOnce: jobsAtOnce(plan),
    devices: plan.devices.map(({ name, type, kind }) => ({ name, type, kind })),
    stages: plan.stages.map(({ index, device, ...layers }) => ({
      index,
      device: plan.devices[device]!.name,
      ...layers,
      memory: plan.memory[index],
    })),
    pipelines: plan.pipelines.map((pipeline, index) => pipelineFacts(plan, pipeline, index)),
    groups: plan.groups.map((group, index) => ({ index, jobs: jobsOfGroup(group).map((job) => plan.jobs[job]!.name) })),
    microBatches: plan.microBatches.map((microBatch) => ({
      index: microBatch.index,
      group: microBatch.group,
      step: microBatch.step,
      part: microBatch.part,
      jobs: microBatchJobs(microBatch, plan.jobs),
      tokens: microBatchTokens(microBatch),
      ...(microBatch.evaluation === undefined ? {} : { evaluation: true }),
    })),
    costs: costsFacts(plan.calibration),
    ...(explanation === undefined ? {} : { search: explanation }),
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
    (group, index) =>
      `  group ${index}: ${jobsOfGroup(group)
        .map((job) => plan.jobs[job]!.name)
        .join(" + ")}`,
  );
  const fused = isFused(plan) ? " (fused)" : "";
  const recomputed = recomputationText(plan.stages);
  const atOnce = jobsAtOnce(plan);
  const most = Math.max(...plan.pipelines.map((_, pipeline) => pipelineJobs(plan, pipeline).length));
  const inTurn = atOnce === most ? "" : `, at most ${counted(atOnce, "job")} at once`;
  const pipelined = plan.pipelines.length === 1 ? "" : ` on ${plan.pipelines.length} pipelines`;
  const lines = [
    `plan ${plan.hash.slice(7, 19)}: ${plan.schedule}, ${counted(plan.jobs.length, "job")} in ${counted(plan.groups.length, "group")}${fused}${pipelined}${inTurn}, ${counted(plan.microBatches.length, "micro-batch")}${recomputed === undefined ? "" : `, ${recomputed}`}`,
    ...groups,
    ...evaluationLines(plan),
    ...sampleLines(plan),
    ...pipelineTable(plan),
    "",
    table(["stage", "device", "layers", "in flight", "peak memory", "capacity"], stages),
    ...sharedWeightsText(plan),
  ];
  if (predicted !== null) lines.push("", `predicted with ${plan.calibration.model} costs:`, headline(predicted));
  lines.push(...intervalLines(intervals));
  const costs = costsText(plan.calibration);
  if (predicted !== null && costs !== undefined) lines.push(costs);
  if (file !== undefined) lines.push("", `written to ${file}`);
  return lines.join("\n");
}
