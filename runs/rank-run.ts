import path from "node:path";
import { groupBy } from "../core/index.ts";
import type { EvaluationMetrics } from "../exec/index.ts";
import { absolute, linesOfFile, type Place } from "../files/index.ts";
import { type JudgedJob, NOTHING_SPENT, type PlannedJob, type Ranking, rankJobs, type Spent } from "../plan/index.ts";
import { readMetrics } from "./folder/metrics-lines.ts";
import { journalOfRun } from "./folder/read-journal.ts";
import { readComers } from "./folder/read-run.ts";
import { RUN_FILES, runKindOf, writtenAdapter } from "./folder/run-files.ts";
import { spentOf } from "./folder/spent-so-far.ts";
import { jobsOfPlanRun } from "./resume/resume-plan.ts";

/** Jobs of a run that are evaluated on the same rows. */
export interface RunRanking extends Ranking {
  readonly best: {
    readonly name: string;
    readonly loss: number;
    /** Of its adapter as it was with that loss, or where that is not kept as it is; null while neither is written. */
    readonly folder: string | null;
  };
}

function judged(
  job: PlannedJob,
  evaluations: readonly EvaluationMetrics[],
  spent: Spent = NOTHING_SPENT,
): JudgedJob | undefined {
  // What was made again after a break is there once more, and the same.
  const best = evaluations.findLast((each) => each.best && Number.isFinite(each.evaluationLoss));
  if (best === undefined) return undefined;
  return {
    ...{ job, spent },
    evaluations: evaluations.map(({ step, evaluationLoss }) => ({ step, loss: evaluationLoss })),
    best: { step: best.step, loss: best.evaluationLoss, blocks: best.blocks ?? [] },
    base: evaluations.find(({ base }) => base !== undefined)?.base,
  };
}

/** Rankings of the jobs of a run, whether it goes on or has ended, by what its folder says. @throws InputError */
export function rankRun(place: Place, given: string): readonly RunRanking[] {
  const folder = absolute(place, given);
  const jobs =
    runKindOf(place, given) === "fleet" ? readComers(folder).map(({ job }) => job) : jobsOfPlanRun(place, given);
  if (jobs.every(({ evaluation }) => evaluation === undefined)) return [];
  const file = path.join(folder, RUN_FILES.metrics);
  const { metrics, evaluations } = readMetrics(linesOfFile(file), file);
  const spent = spentOf(journalOfRun(folder).events, metrics);
  const byJob = groupBy(evaluations, ({ job }) => job);
  const known = jobs.flatMap((job) => judged(job, byJob.get(job.name) ?? [], spent.get(job.name)) ?? []);
  return rankJobs(known).map((ranking) => {
    const { name, loss } = ranking.jobs[0]!;
    const written = writtenAdapter(folder, RUN_FILES.best, name) ?? writtenAdapter(folder, RUN_FILES.adapters, name);
    return { ...ranking, best: { name, loss, folder: written ?? null } };
  });
}
