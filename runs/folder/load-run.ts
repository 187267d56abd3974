import { existsSync } from "node:fs";
import path from "node:path";
import { counted, InputError, shellQuoted, sum } from "../../core/index.ts";
import { type EvaluationMetrics, type SeenCompletion, type StepMetrics, unfinishedTrace } from "../../exec/index.ts";
import { absolute, inputLines, isProcessAlive, linesOfFile, type Place, readInput } from "../../files/index.ts";
import { type FileLines, jsonLines, type Plan, parsePlan } from "../../plan/index.ts";
import { partOfRun, type RunPart, type Trace, traceOfPart } from "../../traces/index.ts";
import { FLEET_FILES } from "./fleet-folder.ts";
import type { JournalLine } from "./journal.ts";
import { readTrace } from "./load-trace.ts";
import { readMetrics } from "./metrics-lines.ts";
import { RUN_FILES } from "./run-folder.ts";

/** A run folder, of a run that has ended or not. */
export interface LoadedRun {
  readonly plan: Plan;
  /** Of mini-batches that ended whole. */
  readonly trace: Trace;
  /** As its file has it, if there is one. */
  readonly written: Trace | undefined;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  /** Empty for a folder from before there were journals. */
  readonly journal: readonly JournalLine[];
  readonly state: "ended" | "ended early" | "unfinished";
  /** Absent where the run got to the plan's end. */
  readonly part: RunPart | undefined;
}

/** What befell a run or a fleet, among what lines of its journal hold. */
export function journalEvents(values: readonly unknown[]): readonly JournalLine[] {
  return values.filter((value) => typeof value === "object" && value !== null && "event" in value) as JournalLine[];
}

/** The same of the lines. @throws InputError */
export function readJournalEvents(lines: FileLines, file: string): readonly JournalLine[] {
  return journalEvents(Array.from(jsonLines(lines, file), ({ value }) => value));
}

/** The same of a folder. @throws InputError */
export function journalOfRun(folder: string): readonly JournalLine[] {
  const file = path.join(folder, RUN_FILES.journal);
  return readJournalEvents(linesOfFile(file), file);
}

/**
 * What devices reported, line by line as `RunFolder` writes it in completions.jsonl: of a long fleet there is more than
 * memory has room for. `begin`: by stage, actions before those of the plan, of which it is not known what they were.
 * @throws InputError with the line that is none
 */
export function* readCompletions(
  lines: FileLines,
  file: string,
  plan: Pick<Plan, "actions" | "devices" | "stages">,
  begin: readonly number[] = [],
): Generator<SeenCompletion> {
  /** By stage and stream, 1 for what was reported: a byte an action, since there are many. */
  const reported = new Map<string, Uint8Array>();
  const isAction = (stage: number, id: number): boolean => {
    const own = plan.actions[stage];
    const number = id - (begin[stage] ?? 0);
    return Number.isInteger(id) && id >= 0 && own !== undefined && (number < 0 || own[number] !== undefined);
  };
  for (const { value, line } of jsonLines(lines, file)) {
    const isLine = Array.isArray(value) && value.length === 7 && isAction(Number(value[0]), Number(value[2]));
    if (!isLine) throw new InputError({ expected: "what a device of the plan reported", file, line, got: value });
    const [stage, stream, id, startNs, endNs, interruptedNs, delayedNs] = value;
    const times = [startNs, endNs, interruptedNs ?? 0, delayedNs ?? 0];
    if (!times.every(Number.isFinite))
      throw new InputError({ expected: "times in nanoseconds", file, line, got: value });
    const known = id - (begin[stage] ?? 0);
    const ids = reported.get(`${stage} ${stream}`) ?? new Uint8Array(plan.actions[stage]!.length);
    reported.set(`${stage} ${stream}`, ids);
    if (ids[known] === 1)
      throw new InputError({ expected: "each action once", file, line, got: plan.actions[stage]![known] });
    if (known >= 0) ids[known] = 1;
    const device = plan.devices[plan.stages[stage]!.device]!.name;
    yield {
      stage,
      done: {
        ...{ device, stream, id, startNs, endNs },
        ...(interruptedNs === null ? {} : { interruptedNs }),
        ...(delayedNs === null ? {} : { delayedNs }),
      },
    };
  }
}

/** A plan in a run's folder. @throws InputError for a folder that is no run's, or a plan that is wrong */
export function readPlanOfRun(place: Place, folder: string): Plan {
  const word = shellQuoted(folder);
  if (existsSync(absolute(place, path.join(folder, FLEET_FILES.setting))))
    throw new InputError({
      expected: "the folder of a run of one plan",
      file: folder,
      got: "that of a live fleet",
      hint: `\`loratwin jobs ${word}\` shows its jobs; \`loratwin resume ${word} WORKLOAD\` goes on with them.`,
    });
  const input = readInput(
    place,
    path.join(folder, RUN_FILES.plan),
    `a run folder with ${RUN_FILES.plan}`,
    "A run folder is one that `loratwin train ... -o FOLDER` has written.",
  );
  return parsePlan(input.text, input.file);
}

/** @throws InputError for a folder that is no run's, or the first line of it that is wrong */
export function loadRun(place: Place, folder: string): LoadedRun {
  const at = (name: string): string => path.join(folder, name);
  const plan = readPlanOfRun(place, folder);
  const metricsFile = inputLines(place, at(RUN_FILES.metrics), `a run folder with ${RUN_FILES.metrics}`);
  const { metrics, evaluations } = readMetrics(metricsFile.lines, metricsFile.file);
  const journal = readJournalEvents(linesOfFile(absolute(place, at(RUN_FILES.journal))), at(RUN_FILES.journal));
  const isFinished = existsSync(absolute(place, at(RUN_FILES.trace)));
  const completions = (): readonly SeenCompletion[] => {
    const file = at(RUN_FILES.completions);
    return [...readCompletions(linesOfFile(absolute(place, file)), file, plan)];
  };
  const started = journal.findLast((line) => line.event === "started");
  const versions = started?.event === "started" ? started.versions : {};
  const trace = isFinished
    ? readTrace(place, at(RUN_FILES.trace))
    : unfinishedTrace({ plan, completions: completions(), metrics, versions });
  const part = trace.planHash === plan.hash ? partOfRun(plan, trace) : undefined;
  const end = journal.findLast(({ event }) => event === "ended early" || event === "ended");
  return {
    plan,
    trace: part === undefined ? trace : traceOfPart(trace, part),
    written: isFinished ? trace : undefined,
    metrics,
    evaluations,
    journal,
    state: isFinished ? (end?.event === "ended early" ? "ended early" : "ended") : "unfinished",
    part,
  };
}

/** Whether the process that writes a run's folder is there still, and at work. */
export function isGoingOn({ state, journal }: Pick<LoadedRun, "state" | "journal">): boolean {
  const started = journal.findLast(({ event }) => event === "started" || event === "failed");
  if (state !== "unfinished" || started?.event !== "started") return false;
  return isProcessAlive(started.process);
}

/** The same of the folder of a run, or of jobs over time. @throws InputError for another one */
export function isFolderGoingOn(place: Place, folder: string): boolean {
  const written = inputLines(place, path.join(folder, RUN_FILES.journal), `a run folder with ${RUN_FILES.journal}`);
  const journal = readJournalEvents(written.lines, written.file);
  const last = journal.findLast(({ event }) => event === "started" || event === "ended" || event === "ended early");
  return isGoingOn({ state: last?.event === "started" ? "unfinished" : "ended", journal });
}

/** Jobs that were stopped since a step of them was not finite, and why: they have no adapter. */
export function stoppedByJournal(journal: readonly JournalLine[]): ReadonlyMap<string, string> {
  return new Map(journal.flatMap((line) => (line.event === "job stopped" ? [[line.job, line.why] as const] : [])));
}

/** Why a run that was begun last failed, if it did, and the jobs whose pipelines had stopped. */
export function failureOf(journal: readonly JournalLine[]): {
  readonly why: string | undefined;
  readonly jobs: ReadonlySet<string>;
} {
  const own = journal.slice(journal.findLastIndex(({ event }) => event === "started") + 1);
  const jobs = new Set(own.flatMap((line) => (line.event === "pipeline lost" ? line.jobs : [])));
  const end = own.at(-1);
  return { why: end?.event === "failed" ? end.why.split("\n")[0] : undefined, jobs };
}

/** How far a run got that has not ended, in words; undefined for one that has. */
export function howFar({ plan, part, state }: LoadedRun): string | undefined {
  if (part === undefined) return undefined;
  const what = state === "ended early" ? "was ended early" : "is unfinished";
  return `the run ${what}: ${stepsDone(plan, part)}; all that is said is of these steps.`;
}

/** "131 of 240 steps, 1 of 4 jobs done" */
export function stepsDone({ jobs }: Pick<Plan, "jobs">, part: RunPart): string {
  const all = sum(jobs.map(({ steps }) => steps));
  const ended = jobs.filter(({ steps }, job) => part.steps[job] === steps).length;
  return `${sum(part.steps)} of ${counted(all, "step")}, ${ended} of ${counted(jobs.length, "job")} done`;
}

/** Losses of each job by step. */
export function lossesByJob(metrics: readonly StepMetrics[]): ReadonlyMap<string, readonly number[]> {
  const losses = new Map<string, number[]>();
  for (const { job, loss } of metrics) {
    const series = losses.get(job);
    if (series === undefined) losses.set(job, [loss]);
    else series.push(loss);
  }
  return losses;
}
