import { PlanError } from "../../core/index.ts";
import { BACKWARD } from "../actions/action.ts";
import { letterOf, microBatchOf, type StageOrders } from "../actions/order.ts";
import { fitsAdapter } from "../actions/pipelines.ts";
import type { PlanBody } from "../documents/plan.ts";

/** Steps that each group has: no more than there are micro-batches, so that tables by step are no larger than a plan. */
function groupSteps({ groups, microBatches }: PlanBody): readonly number[] {
  const steps = groups.map(() => 0);
  microBatches.forEach(({ group, step }, index) => {
    if (step >= microBatches.length)
      throw new PlanError({
        expected: `a step below ${microBatches.length}, the number of micro-batches,`,
        at: `microBatches[${index}].step`,
        got: step,
      });
    if (steps[group] !== undefined) steps[group] = Math.max(steps[group], step + 1);
  });
  return steps;
}

/** Names of jobs are folders, and keys of what is known of them. */
function checkNames({ jobs }: PlanBody): void {
  const seen = new Map<string, number>();
  jobs.forEach(({ name }, index) => {
    const first = seen.get(name.toLowerCase());
    if (first !== undefined)
      throw new PlanError({
        expected: `a job name that is not that of jobs[${first}]`,
        at: `jobs[${index}].name`,
        got: name,
      });
    seen.set(name.toLowerCase(), index);
  });
}

/**
 * Each job's steps trained once, in order; between two groups a job may change its pipeline. Jobs of these names may have
 * ended before their last step. Returns how many steps of each job are trained.
 */
export function checkGroups(plan: PlanBody, endedBefore: ReadonlySet<string>): readonly number[] {
  checkNames(plan);
  const trained = plan.jobs.map(({ firstStep = 0 }) => firstStep);
  const numSteps = groupSteps(plan);
  plan.groups.forEach(({ pipeline, members }, index) => {
    const at = `groups[${index}]`;
    if (plan.pipelines[pipeline] === undefined)
      throw new PlanError({
        expected: `a pipeline below ${plan.pipelines.length}`,
        at: `${at}.pipeline`,
        got: pipeline,
      });
    members.forEach(({ job, firstStep, endStep }, i) => {
      const spec = plan.jobs[job];
      if (spec === undefined || (i > 0 && job <= members[i - 1]!.job))
        throw new PlanError({ expected: "jobs of the plan, ascending", at: `${at}.members[${i}].job`, got: job });
      if (firstStep !== trained[job] || endStep <= firstStep || endStep > spec.steps)
        throw new PlanError({
          expected: `steps of job ${spec.name} from ${trained[job]} on, up to its ${spec.steps}`,
          at: `${at}.members[${i}]`,
          got: { firstStep, endStep },
        });
      if (!fitsAdapter(plan.model.architecture, spec, plan.pipelines[pipeline]!.room))
        throw new PlanError({
          expected: "adapters on projections, of ranks and with magnitudes that their pipeline has room for",
          at: `jobs[${job}].adapter`,
          got: spec.adapter,
        });
      trained[job] = Math.max(firstStep, Math.min(endStep, firstStep + numSteps[index]!));
    });
  });
  plan.jobs.forEach(({ name, steps }, job) => {
    if (trained[job] !== steps && !endedBefore.has(name))
      throw new PlanError({
        expected: `groups that train ${steps} steps of job ${name}`,
        at: "groups",
        got: trained[job],
      });
  });
  return trained;
}

/**
 * What a mini-batch comes after: the ends of the mini-batches before it of its jobs, each by the micro-batch whose
 * backward on the first stage is the last.
 */
export function checkAfter(plan: PlanBody, orders: StageOrders): void {
  const last = plan.groups.map((): number[] => []);
  for (const { firstStage } of plan.pipelines)
    for (const action of orders[firstStage]!)
      if (letterOf(action) === BACKWARD) {
        const { group, step } = plan.microBatches[microBatchOf(action)]!;
        last[group]![step] = microBatchOf(action);
      }
  const before = (group: number, step: number): readonly number[] => {
    if (step > 0) return [last[group]![step - 1]!];
    const ends = plan.groups[group]!.members.flatMap(({ job, firstStep }) => {
      if (firstStep === (plan.jobs[job]!.firstStep ?? 0)) return [];
      const from = plan.groups.findLastIndex(
        ({ members }, index) =>
          index < group && members.some((member) => member.job === job && member.firstStep < firstStep),
      );
      const { firstStep: began } = plan.groups[from]!.members.find((member) => member.job === job)!;
      return [last[from]![firstStep - began - 1]!];
    });
    return [...new Set(ends)].sort((a, b) => a - b);
  };
  for (const { index, group, step, after, evaluation } of plan.microBatches) {
    const expected = evaluation === true ? [last[group]![step]!] : before(group, step);
    if (after.length !== expected.length || after.some((other, i) => other !== expected[i]))
      throw new PlanError({
        expected: `the micro-batches that end the mini-batches before step ${step} of group ${group}: ${expected.join(", ") || "none"}`,
        at: `microBatches[${index}].after`,
        got: after,
      });
  }
}
