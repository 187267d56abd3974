import { PlanError } from "../core/index.ts";
import type { PlanBody } from "./documents/plan.ts";
import { evaluatesAfter } from "./evaluation.ts";
import { largestSizes } from "./mini-batch.ts";
import { fitsRanks } from "./pipelines.ts";
import type { Orders } from "./schedules/schedule-input.ts";

/** Steps that each group has. */
function groupSteps({ groups, microBatches }: PlanBody): readonly number[] {
  const steps = groups.map(() => 0);
  for (const { group, step } of microBatches)
    if (steps[group] !== undefined) steps[group] = Math.max(steps[group], step + 1);
  return steps;
}

/**
 * Each job's steps trained once, in order; between two groups a job may change its pipeline. Jobs of these names may have
 * ended before their last step. Returns how many steps of each job are trained.
 */
export function checkGroups(plan: PlanBody, endedBefore: ReadonlySet<string>): readonly number[] {
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
      if (!fitsRanks(spec, plan.pipelines[pipeline]!.room.ranks))
        throw new PlanError({
          expected: "adapters on projections, and of ranks, that their pipeline has room for",
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
export function checkAfter(plan: PlanBody, orders: Orders): void {
  const last = plan.groups.map((): number[] => []);
  for (const { firstStage } of plan.pipelines)
    for (const { letter, microBatch } of orders[firstStage]!)
      if (letter === "B") {
        const { group, step } = plan.microBatches[microBatch]!;
        last[group]![step] = microBatch;
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

/** The evaluations of each job: of the same rows, after its steps that are due. */
class EvaluationCheck {
  readonly #plan: PlanBody;
  /** By job and step of its own, the rows that it is evaluated on. */
  readonly #rows: readonly Map<number, number[]>[];

  constructor(plan: PlanBody) {
    this.#plan = plan;
    this.#rows = plan.jobs.map(() => new Map());
  }

  add(job: number, step: number, row: number): void {
    const rows = this.#rows[job]!.get(step) ?? [];
    this.#rows[job]!.set(step, rows);
    rows.push(row);
  }

  check(trained: readonly number[]): void {
    this.#plan.jobs.forEach(({ name, evaluation, steps, firstStep = 0 }, job) => {
      const due = Array.from({ length: trained[job]! }, (_, step) => step).filter(
        (step) => step >= firstStep && evaluation !== undefined && evaluatesAfter(evaluation, step, steps),
      );
      const rows = this.#rows[job]!;
      const first = rows.get(due[0] ?? -1)?.join();
      const wrong = [...new Set([...due, ...rows.keys()])].find(
        (step) => rows.get(step) === undefined || rows.get(step)!.join() !== first || !due.includes(step),
      );
      if (wrong !== undefined)
        throw new PlanError({
          expected: due.includes(wrong)
            ? `job ${name} evaluated after its step ${wrong} on the rows that it is always evaluated on`
            : `job ${name} not evaluated after its step ${wrong}`,
          at: "microBatches",
          got: rows.get(wrong) ?? "no rows",
        });
    });
  }
}

/**
 * Rows: every job's batchSize rows in every one of its steps, of which so many are trained, inside the group that trains
 * them, within its room.
 */
export function checkMicroBatches(plan: PlanBody, trained: readonly number[]): void {
  const membersOf = plan.groups.map(({ members }) => new Map(members.map((member) => [member.job, member])));
  const rows = plan.jobs.map((job) => new Uint32Array(job.steps));
  const evaluations = new EvaluationCheck(plan);
  const begun = new Set<string>();
  plan.microBatches.forEach((microBatch, index) => {
    if (microBatch.index !== index || plan.groups[microBatch.group] === undefined)
      throw new PlanError({
        expected: `micro-batch ${index} of a known group`,
        at: `microBatches[${index}]`,
        got: microBatch.index,
      });
    const miniBatch = `${microBatch.group} ${microBatch.step}`;
    if (microBatch.evaluation === undefined) begun.add(miniBatch);
    else if (!begun.has(miniBatch))
      throw new PlanError({
        expected: "the micro-batches of an evaluation behind those of its step",
        at: `microBatches[${index}]`,
        got: microBatch,
      });
    const members = membersOf[microBatch.group]!;
    for (const [job, row, tokens, scored] of microBatch.rows) {
      const spec = plan.jobs[job];
      const member = members.get(job);
      const step = (member?.firstStep ?? 0) + microBatch.step;
      if (
        spec === undefined ||
        member === undefined ||
        step >= member.endStep ||
        scored >= tokens ||
        tokens > spec.cutoffLength
      ) {
        throw new PlanError({
          expected: "rows of the group's jobs, within their steps and cutoff lengths",
          at: `microBatches[${index}].rows`,
          got: [job, tokens, scored],
        });
      }
      if (microBatch.evaluation === true) evaluations.add(job, step, row);
      else rows[job]![step]! += 1;
    }
    const { maxTokens, maxSequence } = plan.pipelines[plan.groups[microBatch.group]!.pipeline]!.room;
    const sizes = largestSizes([microBatch]);
    if (sizes.maxTokens > maxTokens || sizes.maxSequence > maxSequence)
      throw new PlanError({
        expected: `at most ${maxTokens} tokens, and ${maxSequence} in a row, as its pipeline has room for`,
        at: `microBatches[${index}].rows`,
        got: sizes.maxTokens,
      });
  });
  plan.jobs.forEach((job, index) => {
    const begin = job.firstStep ?? 0;
    const step = begin + rows[index]!.subarray(begin, trained[index]).findIndex((count) => count !== job.batchSize);
    if (step >= begin)
      throw new PlanError({
        expected: `${job.batchSize} rows of job ${job.name} in step ${step}`,
        at: "microBatches",
        got: rows[index]![step],
      });
  });
  evaluations.check(trained);
}
