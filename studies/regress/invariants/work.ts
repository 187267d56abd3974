import { contentHash, groupBy } from "../../../core/index.ts";
import type { PlanDocument, PlannedRow } from "../../../plan/index.ts";
import { type Asked, type AskedJob, rangeText } from "./asked.ts";

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

/** What is wrong with rows of a job's steps. */
function wrongRows(name: string, steps: StepRows, { batchSize, rowTokens }: AskedJob): readonly string[] {
  for (const [step, rows] of steps) {
    // A row whose answers are compared may be there in several parts.
    const plain = rows.filter((row) => row[4] === undefined);
    if (batchSize !== undefined && plain.length === rows.length && rows.length !== batchSize)
      return [`${name} trains ${rows.length} rows in step ${step}, and asks for ${batchSize}`];
    if (rowTokens === undefined) continue;
    const odd = plain.find((row) => row[2] < rowTokens[0] || row[2] > rowTokens[1]);
    if (odd !== undefined) return [`${name} trains a row of ${odd[2]} tokens, and has rows of ${rangeText(rowTokens)}`];
  }
  return [];
}

/** What is wrong with when a job is evaluated, which made so many steps of those that it asks for. */
function wrongEvaluations(
  name: string,
  found: readonly number[],
  { steps, everySteps }: AskedJob,
  made: number,
): readonly string[] {
  if (everySteps === undefined || steps === undefined) return [];
  const asked = Array.from({ length: made }, (_, step) => step).filter(
    (step) => (step + 1) % everySteps === 0 || step === steps - 1,
  );
  return asked.join() === found.join()
    ? []
    : [`${name} is evaluated after steps ${found.join(", ") || "none"}, and asks for ${asked.join(", ")}`];
}

/**
 * Steps, rows and evaluations that are not those that the workload asks for. `made`: steps of jobs over time, which may
 * end before their last one.
 */
export function wrongWork(
  document: PlanDocument,
  { jobOf, names }: Pick<Asked, "jobOf" | "names">,
  made: ReadonlyMap<string, number>,
): readonly string[] {
  const [trained, evaluated] = [rowsByJob(document, false), rowsByJob(document, true)];
  for (const name of new Set([...names, ...trained.keys()])) {
    const asked = jobOf(name);
    const steps = made.get(name) ?? asked?.steps;
    const own = trained.get(name) ?? new Map();
    if (steps !== undefined && own.size !== steps) return [`${name} trains ${own.size} steps, and asks for ${steps}`];
    if (own.size === 0 && steps !== 0) return [`${name} trains nothing`];
    if (asked === undefined) continue;
    const evaluations = [...(evaluated.get(name)?.keys() ?? [])].sort((a, b) => a - b);
    const wrong = [...wrongRows(name, own, asked), ...wrongEvaluations(name, evaluations, asked, own.size)];
    if (wrong.length > 0) return wrong;
  }
  return [];
}
