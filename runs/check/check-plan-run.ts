import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { linesOfFile, readInput } from "../../files/index.ts";
import { type Plan, parsePlan } from "../../plan/index.ts";
import type { RunPart, Trace } from "../../traces/index.ts";
import { readTrace } from "../folder/load-trace.ts";
import { readCompletions } from "../folder/read-completions.ts";
import { howFar, lossesByJob, type RunOfPlan, stepsDone } from "../folder/read-run.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { ownerOf } from "../resume/resume-plan.ts";
import { earlierParts } from "../resume/stopped-run.ts";
import { checkMetrics, type LowestLoss, type RecordedJob } from "./check-metrics.ts";
import {
  checkJournal,
  checkLineEnd,
  checkNumbers,
  type JobWord,
  jobWords,
  plannedTokens,
  type RunChecks,
} from "./check-records.ts";
import { checkSamples, type SampledPart } from "./check-samples.ts";

/** A part of a run: the plan that was carried out, and what was seen of it where that was written to its end. */
interface RunPlan {
  readonly file: string;
  readonly plan: Plan;
  readonly trace: Trace | undefined;
}

/** Whether a trace is of a plan, and has each of its actions at most once, on its device. @throws InputError */
function checkTrace({ file, plan, trace }: RunPlan): void {
  if (trace === undefined) return;
  const refuse = (expected: string, got: unknown, at?: string): never => {
    throw new InputError({ expected, file, got, ...(at === undefined ? {} : { at }) });
  };
  if (trace.planHash !== plan.hash)
    refuse(`the trace of plan ${plan.hash.replace("sha256:", "").slice(0, 12)}`, "that of another plan", "planHash");
  const places = new Map(plan.actions.flatMap((keys, stage) => keys.map((key) => [key, stage] as const)));
  const seen = new Set<string>();
  for (const { action, stream, device, microBatch, ...event } of trace.events) {
    if (stream !== "compute") continue;
    const stage = places.get(action) ?? refuse("actions of the plan", action);
    const { step } = plan.microBatches[microBatch]!;
    if (event.stage !== stage || event.step !== step)
      refuse(`${action} of stage ${stage} in step ${step}`, `stage ${event.stage} in step ${event.step}`);
    const name = plan.devices[plan.stages[stage]!.device]!.name;
    if (trace.devices[device] !== name) refuse(`${action} on device ${name}`, trace.devices[device]);
    if (seen.has(action)) refuse("each action once", action);
    seen.add(action);
  }
}

/** The losses that a trace has of each job of its plan, by step, are those of the metrics. @throws InputError */
function checkLosses(
  { file, plan, trace }: RunPlan,
  metrics: ReadonlyMap<string, readonly number[]>,
  endOf: (job: string) => number,
): void {
  const next = new Map(plan.jobs.map(({ name, firstStep = 0 }) => [name, firstStep]));
  for (const { counter, job = "", value } of trace?.counters ?? []) {
    if (counter !== "loss") continue;
    const step = next.get(job);
    if (step === undefined) throw new InputError({ expected: "losses of the plan's jobs", file, got: job });
    next.set(job, step + 1);
    const loss = metrics.get(job)?.[step];
    // Steps behind those that the run went on from were made again.
    if (step < endOf(job) && loss !== undefined && !Number.isNaN(loss) && loss !== value)
      throw new InputError({
        expected: `the loss of job ${job} in its step ${step} as ${RUN_FILES.metrics} has it, ${loss}`,
        file,
        got: value,
      });
  }
}

/** What metrics.jsonl is to have of each job of a run, by name. */
function recordedJobs(
  { state, part, plan: newest }: RunOfPlan,
  first: Plan,
  words: ReadonlyMap<string, JobWord>,
): ReadonlyMap<string, RecordedJob> {
  const now = new Map(newest.jobs.map((job, index) => [job.name, { ...job, made: part?.steps[index] ?? job.steps }]));
  const tables = plannedTokens(first);
  return new Map(
    first.jobs.map((job, index): [string, RecordedJob] => {
      const { name, steps } = job;
      const { stopped, ended } = words.get(name) ?? {};
      const own = now.get(name);
      const most = ((stopped ?? ended?.stopped)?.step ?? steps - 1) + 1;
      // A job that is not left had come to its end before; what comes behind a checkpoint is written when it can be.
      const made = own === undefined ? steps : state === "unfinished" ? (own.firstStep ?? 0) : own.made;
      const isWhole = ended?.stopped !== undefined || (stopped !== undefined && state !== "unfinished");
      const least = isWhole ? most : Math.min(made, most);
      const evaluatedUntil = stopped === undefined ? least : 0;
      const mayStop = stopped !== undefined || state === "unfinished";
      return [name, { ...job, least, most, evaluatedUntil, mayStop, ...tables[index]! }];
    }),
  );
}

/** Whether all jobs have made their steps, or those until they were stopped. */
function isWhole({ plan, stops }: RunOfPlan, { steps }: RunPart): boolean {
  return plan.jobs.every((job, index) => {
    const last = stops.get(job.name)?.step ?? job.steps - 1;
    return steps[index] === (last < (job.firstStep ?? 0) ? 0 : last + 1);
  });
}

/** Whether the parts of a run follow on each other. @throws InputError */
function checkParts({ folder, events, plan, stops }: RunOfPlan, parts: readonly RunPlan[]): void {
  checkNumbers(path.join(folder, RUN_FILES.earlier), earlierParts(folder));
  const first = parts[0]!;
  const late = first.plan.jobs.find(({ firstStep = 0 }) => firstStep > 0);
  if (late !== undefined)
    throw new InputError({
      expected: `the run's first plan, with step 0 of job ${late.name}`,
      file: first.file,
      got: `step ${late.firstStep}`,
    });
  const resumed = events.findLast((line) => line.event === "resumed");
  if (resumed?.event !== "resumed") {
    if (parts.length > 1)
      throw new InputError({
        expected: '"resumed", as there are earlier parts,',
        file: path.join(folder, RUN_FILES.journal),
        got: "none",
      });
    return;
  }
  // One that was stopped before is there for those that it shares micro-batches with.
  const isOver = (name: string, steps: number): boolean => stops.has(name) && resumed.steps[name] === steps;
  const other = plan.jobs.find(
    ({ name, steps, firstStep = 0 }) => resumed.steps[name] !== firstStep && !isOver(name, steps),
  );
  if (other !== undefined)
    throw new InputError({
      expected: `job ${other.name} from step ${resumed.steps[other.name]} on, as ${RUN_FILES.journal} has it,`,
      file: path.join(folder, RUN_FILES.plan),
      got: `step ${other.firstStep ?? 0}`,
    });
}

function readParts({ folder, plan: newest, written }: RunOfPlan): readonly RunPlan[] {
  const place = { cwd: folder };
  const earlier = earlierParts(folder).map((part): RunPlan => {
    const input = readInput(place, path.join(part, RUN_FILES.plan), "a part of a run");
    const plan = parsePlan(input.text, input.file);
    const file = path.join(part, RUN_FILES.trace);
    if (existsSync(file)) return { file, plan, trace: readTrace(place, file) };
    const completions = path.join(part, RUN_FILES.completions);
    for (const _ of readCompletions(linesOfFile(completions), completions, plan));
    return { file, plan, trace: undefined };
  });
  return [...earlier, { file: path.join(folder, RUN_FILES.trace), plan: newest, trace: written }];
}

/** By part of a run, what its jobs answer, from its first step of them to that of the next part. */
function sampledParts(parts: readonly RunPlan[], jobs: ReadonlyMap<string, RecordedJob>): readonly SampledPart[] {
  return parts.flatMap(({ plan }, index) =>
    plan.jobs.map(({ name, steps, sample, firstStep: from = 0 }) => {
      const next = parts[index + 1]?.plan.jobs.find((job) => job.name === name);
      const until = next === undefined ? steps : (next.firstStep ?? 0);
      return { name, steps, from, until, evaluatedUntil: jobs.get(name)!.evaluatedUntil, ...(sample && { sample }) };
    }),
  );
}

/**
 * What has to hold in the folder of the run of a plan: each step of each job is there once, in its order, with what the
 * plan says of it, and the traces are of its plans. @throws InputError where a part of it cannot be read
 */
export function checksOfPlan(run: RunOfPlan): RunChecks {
  const { folder, events, state, part, plan } = run;
  const at = (name: string): string => path.join(folder, name);
  const parts = readParts(run);
  const first = parts[0]!.plan;
  const words = jobWords(events, new Map(first.jobs.map(({ name, steps }) => [name, steps])));
  const last = events.at(-1)?.event;
  const jobs = recordedJobs(run, first, words);
  const losses = lossesByJob(run.metrics);
  let lowest: ReadonlyMap<string, LowestLoss> = new Map();
  const over = first.jobs.filter(({ name }) => {
    const word = words.get(name);
    return word?.stopped === undefined && (state === "ended" || word?.ended !== undefined);
  });
  return {
    ...{ words, over, architecture: plan.model.architecture },
    owner: ownerOf(parts.map((each) => each.plan)),
    silent:
      state === "ended" && events.length > 0 ? over.find(({ name }) => words.get(name) === undefined)?.name : undefined,
    checks: [
      () => {
        if ((last === "ended" || last === "ended early") && state === "unfinished")
          throw new InputError({
            expected: "the trace of a run that has ended",
            file: at(RUN_FILES.trace),
            got: "no such file",
          });
      },
      () => checkParts(run, parts),
      ...parts.map((each) => () => checkTrace(each)),
      () => {
        if (state === "ended" && part !== undefined && !isWhole(run, part))
          throw new InputError({
            expected: "all actions of the plan",
            file: at(RUN_FILES.trace),
            got: stepsDone(plan, part),
          });
      },
      () => {
        lowest = checkMetrics(linesOfFile(at(RUN_FILES.metrics)), at(RUN_FILES.metrics), jobs, state !== "unfinished");
      },
      () => checkSamples(linesOfFile(at(RUN_FILES.samples)), at(RUN_FILES.samples), sampledParts(parts, jobs)),
      ...parts.map((each, index) => () => {
        const later = parts.slice(index + 1).flatMap(({ plan: { jobs: own } }) => own);
        const from = new Map<string, number>();
        for (const { name, firstStep = 0 } of later) from.set(name, Math.min(from.get(name) ?? firstStep, firstStep));
        checkLosses(each, losses, (job) => from.get(job) ?? Number.POSITIVE_INFINITY);
      }),
      () => {
        if (events.length > 0) checkJournal(at(RUN_FILES.journal), events, words, jobs, lowest);
        if (state !== "unfinished") checkLineEnd(at(RUN_FILES.journal));
      },
    ],
  };
}

/** How far a run got that has not ended, and which jobs were stopped. */
export function remarksOfPlan(run: RunOfPlan): readonly string[] {
  const { state, events, stops } = run;
  const far = howFar(run);
  const last = events.at(-1)?.event;
  const isSilent = state !== "unfinished" && last !== "ended" && last !== "ended early";
  return [
    ...(isSilent ? [`the journal does not say how the run has ended, but ${last ?? "nothing"}.`] : []),
    ...(far === undefined ? [] : [far]),
    ...[...stops].map(([name, { why, step, hasDiverged }]) =>
      hasDiverged ? `${name} was stopped: ${why}.` : `${name} was stopped early, after step ${step + 1}: ${why}.`,
    ),
  ];
}
