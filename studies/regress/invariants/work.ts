import { contentHash, groupBy } from "../../../core/index.ts";
import type { PlanDocument, PlannedRow } from "../../../plan/index.ts";
import type { Asked } from "./asked.ts";

/** Rows of a job by its own step. */
type StepRows = ReadonlyMap<number, readonly PlannedRow[]>;

/** By job, what a plan trains, or evaluates, in each of its steps. */
function rowsByJob({ segments }: PlanDocument, isEvaluated: boolean): ReadonlyMap<string, StepRows> {
  const jobs = segments.flatMap((segment) => segment.jobs);
  const groups = segments.flatMap((segment) => segment.groups);
  const rows = segments
    .flatMap(({ microBatches }) => microBatches)
    .filter(({ evaluation = false }) => evaluation === isEvaluated)
    .flatMap(({ group, step, rows: own }) =>
      own.map((row) => {
        const { firstStep } = groups[group]!.members.find(({ job }) => job === row[0])!;
        return { job: row[0], step: firstStep + step, row };
      }),
    );
  return new Map(
    [...groupBy(rows, ({ job }) => job)].map(([job, own]) => [
      jobs[job]!.name,
      new Map([...groupBy(own, ({ step }) => step)].map(([step, some]) => [step, some.map(({ row }) => row)])),
    ]),
  );
}

/** What each job trains, step by step, whoever shares a micro-batch with it: adapters follow from it. By job, a digest. */
export function trainedWork(document: PlanDocument): Readonly<Record<string, string>> {
  const evaluated = rowsByJob(document, true);
  const text = (steps: StepRows | undefined) =>
    [...(steps ?? [])]
      .sort(([a], [b]) => a - b)
      .map(([step, rows]) => [step, rows.map(([, ...row]) => JSON.stringify(row)).sort()]);
  return Object.fromEntries(
    [...rowsByJob(document, false)].map(([name, steps]) => [
      name,
      contentHash([text(steps), text(evaluated.get(name))]).slice(-12),
    ]),
  );
}

/** Steps, rows and evaluations that are not those that the workload asks for. */
export function wrongWork(document: PlanDocument, { jobs }: Asked): readonly string[] {
  const [trained, evaluated] = [rowsByJob(document, false), rowsByJob(document, true)];
  for (const [name, { steps, batchSize, rowTokens, everySteps }] of jobs) {
    const own = trained.get(name);
    if (own === undefined) return [`${name} trains nothing`];
    if (steps !== undefined && own.size !== steps) return [`${name} trains ${own.size} steps, and asks for ${steps}`];
    for (const [step, rows] of own) {
      // A row whose answers are compared may be there in several parts.
      const plain = rows.filter((row) => row[4] === undefined);
      if (batchSize !== undefined && plain.length === rows.length && rows.length !== batchSize)
        return [`${name} trains ${rows.length} rows in step ${step}, and asks for ${batchSize}`];
      const odd = plain.find((row) => rowTokens !== undefined && row[2] !== rowTokens);
      if (odd !== undefined) return [`${name} trains a row of ${odd[2]} tokens, and has rows of ${rowTokens}`];
    }
    if (everySteps === undefined || steps === undefined) continue;
    const asked = Array.from({ length: steps }, (_, step) => step).filter(
      (step) => (step + 1) % everySteps === 0 || step === steps - 1,
    );
    const found = [...(evaluated.get(name)?.keys() ?? [])].sort((a, b) => a - b);
    if (asked.join() !== found.join())
      return [`${name} is evaluated after steps ${found.join(", ") || "none"}, and asks for ${asked.join(", ")}`];
  }
  return [];
}
