import { sum } from "../../core/index.ts";
import type { ActionLetter } from "../actions/action.ts";
import { activeMembers, jobSegments, type Numbered } from "../actions/mini-batch.ts";
import type { MicroBatch, PlannedGroup, PlannedJob } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterParameters } from "./adapter-parameters.ts";

/** For how long a device has worked for a job, in whole nanoseconds. */
export interface JobShare {
  /** By name. */
  readonly job: string;
  /** Index into the setting's devices. */
  readonly device: number;
  readonly ns: number;
}

/**
 * Whole nanoseconds divided by whole weights, so that the parts add up: each is rounded down, and those that lost most
 * by that, the first of equal ones, have one more (largest remainders). Equal parts where all weights are 0.
 */
export function dividedNs(ns: number, weights: readonly number[]): readonly number[] {
  const total = sum(weights);
  if (total === 0) {
    return dividedNs(
      ns,
      weights.map(() => 1),
    );
  }
  const parts = weights.map((weight) => {
    // A product of both may be more than a number holds exactly.
    const product = BigInt(ns) * BigInt(weight);
    return { whole: Number(product / BigInt(total)), rest: Number(product % BigInt(total)) };
  });
  const left = ns - sum(parts.map(({ whole }) => whole));
  const order = parts.map((_, place) => place).sort((a, b) => parts[b]!.rest - parts[a]!.rest || a - b);
  const isRaised = new Set(order.slice(0, left));
  return parts.map(({ whole }, place) => whole + (isRaised.has(place) ? 1 : 0));
}

/** Work as it is planned: whom its actions are for. */
export interface SharedWork {
  readonly jobs: Numbered<Pick<PlannedJob, "name" | "adapter">>;
  readonly groups: Numbered<PlannedGroup>;
}

/**
 * Of the time that an action took, the part of each job. What one job alone is in is all its own. A micro-batch that
 * jobs share is divided by their tokens in it, and their update by the parameters of their adapters on the stage.
 */
export function actionShares(
  { model, stages }: Pick<Setting, "model" | "stages">,
  { jobs, groups }: SharedWork,
  action: { readonly stage: number; readonly letter: ActionLetter },
  microBatch: Pick<MicroBatch, "group" | "step" | "rows">,
  ns: number,
): readonly JobShare[] {
  const stage = stages[action.stage]!;
  const { device } = stage;
  const members = activeMembers(groups, microBatch.group, microBatch.step);
  if (members.length === 1) return [{ job: jobs[members[0]!.job]!.name, device, ns }];
  const weighed =
    action.letter === "U"
      ? members.map(({ job }) => [job, adapterParameters(model.architecture, stage, jobs[job]!)] as const)
      : jobSegments(microBatch, action.letter !== "F" && action.letter !== "E").map(
          ({ job, tokens }) => [job, tokens] as const,
        );
  const parts = dividedNs(
    ns,
    weighed.map(([, weight]) => weight),
  );
  return weighed.map(([job], place) => ({ job: jobs[job]!.name, device, ns: parts[place]! }));
}
