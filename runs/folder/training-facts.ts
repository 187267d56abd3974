// What a run's folder tells of an adapter in it.
import { existsSync } from "node:fs";
import path from "node:path";
import { maximum, ownValue } from "../../core/index.ts";
import { absolute, inputLines, type Place } from "../../files/index.ts";
import type { TrainingFacts } from "../../workbench/index.ts";
import { readMetrics } from "./metrics-lines.ts";
import { journalOfRun, modelByJournal, weightsByJournal } from "./read-journal.ts";
import { readPlanOfRun } from "./read-run.ts";
import { RUN_FILES, runKindOf } from "./run-files.ts";

/** The run's folder, and the job, where a folder is RUN/adapters/JOB or RUN/best/JOB. */
function placeInRun(
  place: Place,
  folder: string,
): { readonly run: string; readonly job: string; readonly isBest: boolean } | undefined {
  const full = absolute(place, folder);
  const parent = path.basename(path.dirname(full));
  const run = path.dirname(path.dirname(full));
  if (parent !== RUN_FILES.adapters && parent !== RUN_FILES.best) return undefined;
  if (runKindOf(place, run) === undefined) return undefined;
  return { run, job: path.basename(full), isBest: parent === RUN_FILES.best };
}

/**
 * Steps, losses, data and base of a job; undefined for an adapter that lies in no run's folder, and before its first step.
 * @throws InputError where the run's files are wrong
 */
export function trainingFacts(place: Place, folder: string): TrainingFacts | undefined {
  const found = placeInRun(place, folder);
  if (found === undefined) return undefined;
  const { run, job, isBest } = found;
  const metricsFile = path.join(run, RUN_FILES.metrics);
  if (!existsSync(metricsFile)) return undefined;
  const { lines, file } = inputLines(place, metricsFile, `a run folder with ${RUN_FILES.metrics}`);
  const read = readMetrics(lines, file);
  const evaluations = read.evaluations.filter((each) => each.job === job);
  const evaluation = evaluations.findLast(({ best }) => !isBest || best);
  const metrics = read.metrics.filter((each) => each.job === job && !(isBest && each.step > (evaluation?.step ?? 0)));
  const last = metrics.at(-1);
  if (last === undefined) return undefined;
  const plan = runKindOf(place, run) === "plan" ? readPlanOfRun(place, run) : undefined;
  const data = plan === undefined ? undefined : ownValue(plan.locations.data, job);
  const { events } = journalOfRun(absolute(place, run));
  const known = (value: number | null | undefined): number | undefined =>
    typeof value === "number" && Number.isFinite(value) ? value : undefined;
  return {
    job,
    base: plan?.locations.model ?? modelByJournal(events),
    weights: weightsByJournal(events),
    steps: last.step + 1,
    finalLoss: known(last.loss),
    evaluationLoss: known(evaluation?.evaluationLoss),
    learningRate: known(maximum(metrics.map(({ learningRate }) => learningRate))),
    data: [data ?? []].flat().map((file) => path.basename(file)),
  };
}
