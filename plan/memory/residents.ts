import { maximum } from "../../core/index.ts";
import { BACKWARD, EVALUATION, FORWARD } from "../actions/action.ts";
import { evaluatedToTheEnd } from "../actions/evaluation.ts";
import { letterOf, microBatchOf, type Order, parseOrder } from "../actions/order.ts";
import type { MicroBatch, PlannedGroup, PlannedJob, Work } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterBytes } from "./memory-model.ts";

interface Grouped {
  readonly groups: readonly Pick<PlannedGroup, "members">[];
  /** Those of evaluations with their rows. */
  readonly microBatches: readonly (Pick<MicroBatch, "group" | "step"> & Partial<Pick<MicroBatch, "rows">>)[];
  readonly jobs: readonly { readonly steps: number }[];
}

/**
 * When a stage needs each job's adapter: from the first forward of its first group to the job's last update there, or
 * its evaluation behind that.
 */
export interface Residents {
  /** By job, positions in the stage's order; -1 for jobs of other pipelines. */
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/** A property of the order alone: planner, simulator and executor all ask here. */
export function residentsOf(order: Order, { groups, microBatches, jobs }: Grouped): Residents {
  const first = new Int32Array(jobs.length).fill(-1);
  const last = new Int32Array(jobs.length).fill(-1);
  const begun = new Uint8Array(groups.length);
  for (let position = 0; position < order.length; position += 1) {
    const letter = letterOf(order[position]!);
    if (letter === BACKWARD) continue;
    const microBatch = microBatches[microBatchOf(order[position]!)]!;
    const { group, step } = microBatch;
    if (letter === FORWARD) {
      if (begun[group] === 1) continue;
      begun[group] = 1;
      for (const { job } of groups[group]!.members) if (first[job] === -1) first[job] = position;
    } else if (letter === EVALUATION)
      for (const job of evaluatedToTheEnd({ groups, jobs }, microBatch)) last[job] = position;
    else
      for (const { job, firstStep } of groups[group]!.members)
        if (firstStep + step === jobs[job]!.steps - 1) last[job] = position;
  }
  return { first, last };
}

/** Jobs whose adapters a stage holds, at the first position at which these take the most bytes; ascending. */
export function mostResident({ first, last }: Residents, bytesOf: (job: number) => number): readonly number[] {
  const jobs = [...first.keys()].filter((job) => first[job]! >= 0);
  const beginning = [...jobs].sort((a, b) => first[a]! - first[b]!);
  const ending = [...jobs].sort((a, b) => last[a]! - last[b]!);
  let [bytes, mostBytes, mostAt, ended] = [0, -1, -1, 0];
  beginning.forEach((job, index) => {
    const position = first[job]!;
    bytes += bytesOf(job);
    // Jobs that begin together count together.
    if (beginning[index + 1] !== undefined && first[beginning[index + 1]!] === position) return;
    for (; last[ending[ended]!]! < position; ended += 1) bytes -= bytesOf(ending[ended]!);
    if (bytes > mostBytes) [mostBytes, mostAt] = [bytes, position];
  });
  return jobs.filter((job) => first[job]! <= mostAt && mostAt <= last[job]!);
}

/** `mostResident` of a stage as a device of some kind holds it. */
export function residentJobs(
  held: Parameters<typeof adapterBytes>[0],
  order: Order,
  plan: Pick<Work, "groups" | "microBatches" | "jobs">,
): readonly PlannedJob[] {
  const bytesOf = (job: number): number => adapterBytes(held, plan.jobs[job]!);
  return mostResident(residentsOf(order, plan), bytesOf).map((job) => plan.jobs[job]!);
}

/** The most jobs of a plan that any pipeline trains at once. */
export function jobsAtOnce(plan: Work & Pick<Setting, "pipelines">): number {
  const counts = plan.pipelines.map(({ firstStage }) => {
    const residents = residentsOf(parseOrder(plan.actions[firstStage]!, firstStage), plan);
    return mostResident(residents, () => 1).length;
  });
  return maximum(counts);
}
