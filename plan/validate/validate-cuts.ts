import { PlanError } from "../../core/index.ts";
import { isSample } from "../actions/samples.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { PlannedRow } from "../documents/segment.ts";

/** What a mini-batch, or the evaluation behind it, has been cut into. */
interface Step {
  readonly tokens: number;
  /** By job, rows and tokens of it in each micro-batch in which it has any. */
  readonly parts: ReadonlyMap<number, readonly { readonly rows: number; readonly tokens: number }[]>;
}

function stepsOf({ microBatches }: PlanBody): readonly Step[] {
  const steps = new Map<string, { tokens: number; parts: Map<number, { rows: number; tokens: number }[]> }>();
  for (const { group, step, evaluation, rows } of microBatches) {
    // Prompts are not cut as other rows are.
    if (isSample({ rows })) continue;
    const key = `${group} ${step} ${evaluation === true}`;
    const own = steps.get(key) ?? { tokens: 0, parts: new Map() };
    steps.set(key, own);
    const byJob = new Map<number, { rows: number; tokens: number }>();
    for (const [job, , tokens] of rows as readonly PlannedRow[]) {
      const known = byJob.get(job) ?? { rows: 0, tokens: 0 };
      byJob.set(job, { rows: known.rows + 1, tokens: known.tokens + tokens });
      own.tokens += tokens;
    }
    for (const [job, part] of byJob) own.parts.set(job, [...(own.parts.get(job) ?? []), part]);
  }
  return [...steps.values()];
}

/**
 * What jobs say that their mini-batches were cut by is what they were cut by: no micro-batch has more of a job, and a
 * bound that all of a step is within has cut nothing.
 * @throws PlanError
 */
export function checkCuts(plan: PlanBody): void {
  plan.jobs.forEach(({ name, batchSize, microBatchSize, microBatchTokens }, job) => {
    const at = `jobs[${job}].microBatchSize`;
    if (microBatchSize === undefined && microBatchTokens === undefined)
      throw new PlanError({ expected: `rows or tokens by which job ${name} was cut`, at, got: undefined });
    if (microBatchTokens === undefined && batchSize % microBatchSize! !== 0)
      throw new PlanError({ expected: `a divisor of batchSize (${batchSize})`, at, got: microBatchSize });
  });
  for (const { tokens, parts } of stepsOf(plan))
    for (const [job, own] of parts) {
      const { microBatchSize: rows = Number.POSITIVE_INFINITY, microBatchTokens = Number.POSITIVE_INFINITY } =
        plan.jobs[job]!;
      const most = Math.max(...own.map((part) => part.rows));
      const longest = Math.max(...own.filter((part) => part.rows > 1).map((part) => part.tokens));
      const all = own.reduce((sum, part) => sum + part.rows, 0);
      if (most > rows || (own.length > 1 && microBatchTokens >= tokens && all <= rows))
        throw new PlanError({
          expected: `what cuts a step of ${all} rows into micro-batches of at most ${most}`,
          at: `jobs[${job}].microBatchSize`,
          got: plan.jobs[job]!.microBatchSize,
        });
      if (longest > microBatchTokens)
        throw new PlanError({
          expected: `at least ${longest}, which are in a micro-batch,`,
          at: `jobs[${job}].microBatchTokens`,
          got: microBatchTokens,
        });
    }
}
