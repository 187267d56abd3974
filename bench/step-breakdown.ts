import { sum } from "../core/index.ts";
import type { ExecuteResult } from "../exec/index.ts";
import type { Operator } from "../native/index.ts";
import type { Plan } from "../plan/index.ts";
import { computeEvents } from "../traces/totals.ts";

export const STEP_PARTS = [
  "base products",
  "head and loss",
  "lora",
  "attention",
  "swiglu",
  "norms",
  "rope, embedding, copies",
  "routing",
  "update",
  "between operators",
] as const;
export type StepPart = (typeof STEP_PARTS)[number];

function partOf(op: Operator["op"]): StepPart {
  switch (op) {
    case "matmul":
    case "matmulBackward":
    case "expertMatmul":
    case "expertMatmulBackward":
      return "base products";
    case "headLoss":
    case "headLogits":
      return "head and loss";
    case "lora":
    case "loraBackward":
    case "magnitude":
    case "magnitudeBackward":
      return "lora";
    case "attention":
    case "attentionBackward":
    case "cachedAttention":
      return "attention";
    case "swiglu":
    case "swigluBackward":
      return "swiglu";
    case "rmsnorm":
    case "rmsnormBackward":
    case "headNorm":
    case "headNormBackward":
      return "norms";
    case "rope":
    case "temperature":
    case "embed":
    case "embedBackward":
    case "copy":
      return "rope, embedding, copies";
    case "route":
    case "routeBackward":
    case "gatherRows":
    case "combine":
    case "combineBackward":
      return "routing";
  }
}

/**
 * Seconds of one step of every job on one device, part by part: means over the steps after the first of a run with
 * `profile`.
 */
export function stepBreakdown(plan: Plan, result: ExecuteResult): Readonly<Record<StepPart, number>> {
  const seconds = Object.fromEntries(STEP_PARTS.map((part) => [part, 0])) as Record<StepPart, number>;
  const isWarm = (microBatch: number): boolean => plan.microBatches[microBatch]!.step > 0;
  for (const { action, operatorSeconds } of result.profiles) {
    if (action.letter === "U" || !isWarm(action.microBatch)) continue;
    result.operators[action.stage]![action.letter].forEach(({ op }, index) => {
      seconds[partOf(op)] += operatorSeconds[index]!;
    });
  }
  const events = computeEvents(result.trace);
  const firstEnd = Math.max(
    ...events
      .filter(({ letter, step }) => letter === "U" && step === 0)
      .map(({ startNs, durationNs }) => startNs + durationNs),
  );
  const lastEnd = Math.max(...events.map(({ startNs, durationNs }) => startNs + durationNs));
  for (const { letter, microBatch, durationNs } of events)
    if (letter === "U" && isWarm(microBatch)) seconds.update += durationNs / 1e9;
  seconds["between operators"] = (lastEnd - firstEnd) / 1e9 - sum(Object.values(seconds));
  const steps = Math.max(...plan.jobs.map((job) => job.steps)) - 1;
  for (const part of STEP_PARTS) seconds[part] /= steps;
  return seconds;
}
