import type { MicroBatch, PlannedRow } from "../documents/plan.ts";
import type { JobRows } from "./job-rows.ts";

export interface PackedJob {
  readonly rows: JobRows;
  readonly batchSize: number;
  readonly microBatchSize: number;
}

/**
 * The micro-batch table: step by step, group by group, part by part, numbered in that order. A group's mini-batch has as many parts as its job with
 * the most; jobs with fewer parts are in the first ones only, and jobs that have ended are left out.
 */
export function packMicroBatches(
  jobs: readonly PackedJob[],
  groups: readonly (readonly number[])[],
): readonly MicroBatch[] {
  const table: MicroBatch[] = [];
  const steps = Math.max(...jobs.map(({ rows }) => rows.steps.length));
  for (let step = 0; step < steps; step += 1) {
    groups.forEach((members, group) => {
      const active = members.filter((job) => step < jobs[job]!.rows.steps.length);
      const parts = Math.max(0, ...active.map((job) => jobs[job]!.batchSize / jobs[job]!.microBatchSize));
      for (let part = 0; part < parts; part += 1) {
        const rows: PlannedRow[] = active.flatMap((job) => {
          const { rows: source, microBatchSize } = jobs[job]!;
          const taken = source.steps[step]!.slice(part * microBatchSize, (part + 1) * microBatchSize);
          return taken.map((row): PlannedRow => [job, row, source.tokens[row]!, source.scored[row]!]);
        });
        table.push({ index: table.length, group, step, part, rows });
      }
    });
  }
  return table;
}
