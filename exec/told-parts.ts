import { TOLD_PARTS, type Told } from "../native/index.ts";
import {
  activeMembers,
  adapterParameters,
  isJudgedAfter,
  type LiveWork,
  type MiniBatch,
  mayBeBest,
  type Setting,
} from "../plan/index.ts";
import { type StatePart, stagePairs } from "./adapters.ts";
import type { LeftOut } from "./left-out.ts";
import type { AdapterPair } from "./peft.ts";

/** What an update tells of a job after its step `step`; `tellsState`: whether its mini-batch tells states. */
export function toldOf(
  { evaluation }: Pick<MiniBatch, "evaluation">,
  job: Parameters<typeof isJudgedAfter>[0],
  step: number,
  tellsState: boolean,
): Told | undefined {
  if (tellsState) return "state";
  return (evaluation !== undefined && mayBeBest(job, step)) || isJudgedAfter(job, step) ? "parameters" : undefined;
}

/** A job's share of what an update told on a stage. */
export interface ToldJob {
  readonly job: number;
  /** The job's step, from 0. */
  readonly step: number;
  readonly parts: Readonly<Partial<Record<StatePart, readonly AdapterPair[]>>>;
}

/** What an update told on a stage, one vector after another, by job. */
export function toldJobs(
  { model, stages }: Pick<Setting, "stages" | "model">,
  live: LiveWork,
  index: number,
  miniBatch: MiniBatch,
  {
    vectors,
    tellsState,
    leftOut,
  }: { readonly vectors: Float32Array; readonly tellsState: boolean; readonly leftOut: LeftOut | undefined },
): readonly ToldJob[] {
  const { architecture } = model;
  const stage = stages[index]!;
  let next = 0;
  return activeMembers(live.groups, miniBatch.group, miniBatch.step).flatMap(({ job, firstStep }): ToldJob[] => {
    if (leftOut?.jobs.has(job) === true) return [];
    const spec = live.jobs[job]!;
    const step = firstStep + miniBatch.step;
    const told = toldOf(miniBatch, spec, step, tellsState);
    if (told === undefined) return [];
    const count = adapterParameters(architecture, stage, spec);
    const parts: Partial<Record<StatePart, readonly AdapterPair[]>> = {};
    for (const part of TOLD_PARTS[told]) {
      parts[part] = stagePairs(vectors.subarray(next, next + count), stage, spec.adapter, architecture);
      next += count;
    }
    return [{ job, step, parts }];
  });
}
