import { canonicalJson, groupBy, maximum, sum } from "../../core/index.ts";
import type { JobRows } from "../actions/job-rows.ts";
import type { Job } from "../documents/workload.ts";
import { leavesCutOpen } from "./pack.ts";
import type { PlanRequest } from "./request.ts";

/** Rows x devices of a request up to which its fleet is planned by all of it. */
const WHOLE = 2 ** 15;
/** Of a larger one, jobs that stand for all, but as many as there are devices; and steps of each. */
const MOST_JOBS = 16;
const MOST_STEPS = 6;

/** A request for few steps of few jobs that stand for those of another one. */
export interface StandIns {
  readonly request: PlanRequest;
  /** By job of the other request, the one of this that stands for it. */
  readonly of: readonly number[];
}

/** What is the same of jobs of one kind: all of a job that planning looks at. */
function kindOf({ adapter, optimizer, ...job }: Job, longest: number): string {
  const { batchSize, microBatchSize = null, microBatchTokens = null, loss = null, evaluation, sample } = job;
  return canonicalJson({
    ...{ batchSize, microBatchSize, microBatchTokens, loss, longest },
    adapter: { ...adapter, init: null },
    optimizer: [optimizer.name, optimizer.maxGradNorm ?? null],
    evaluation:
      evaluation === undefined ? null : [evaluation.everySteps, evaluation.maxRows ?? null, evaluation.base ?? false],
    sample: sample === undefined ? null : [sample.everySteps, sample.maxTokens, sample.prompts.length],
  });
}

/** Tokens of each job's longest row; many jobs have the same rows. */
function longestRows(rows: readonly JobRows[]): readonly number[] {
  const known = new Map<JobRows["tokens"], number>();
  return rows.map(({ tokens }) => {
    const longest = known.get(tokens) ?? maximum(tokens);
    known.set(tokens, longest);
    return longest;
  });
}

/** The first steps, and behind them the one with the most tokens and the one with the longest row. */
function fewSteps(rows: JobRows): JobRows {
  const { steps, tokens, source: _source, ...others } = rows;
  if (steps.length <= MOST_STEPS) return rows;
  let [heaviest, longest] = [
    { step: 0, tokens: 0 },
    { step: 0, tokens: 0 },
  ];
  for (let step = 0; step < steps.length; step += 1) {
    const own = steps.at(step)!.map((row) => tokens[row]!);
    const [all, most] = [sum(own), Math.max(...own)];
    if (all > heaviest.tokens) heaviest = { step, tokens: all };
    if (most > longest.tokens) longest = { step, tokens: most };
  }
  const first = Array.from({ length: MOST_STEPS }, (_, step) => step);
  const taken = [...new Set([...first.slice(0, -2), heaviest.step, longest.step, ...first])].slice(0, MOST_STEPS);
  const numSteps = taken.length;
  return {
    ...others,
    tokens,
    steps: taken.map((step) => steps.at(step)!),
    // They are evaluated, and answer, after their last step.
    ...(rows.evaluation === undefined ? {} : { evaluation: { ...rows.evaluation, numSteps } }),
    ...(rows.sample === undefined ? {} : { sample: { ...rows.sample, numSteps } }),
  };
}

/** Jobs by kind, and of each kind in turn as many as there are to be; ascending. */
function inTurns(kinds: readonly (readonly number[])[], most: number): readonly number[] {
  const jobs: number[] = [];
  for (let turn = 0; jobs.length < most; turn += 1)
    for (const kind of kinds) {
      const job = kind[turn];
      if (job !== undefined && jobs.length < most) jobs.push(job);
    }
  return jobs.sort((a, b) => a - b);
}

/**
 * A request by which a fleet is planned as well as by all of it: the pipelines, stages and cuts of many long jobs are
 * those of few steps of some jobs of each kind. A request without much work stands for itself.
 */
export function standIns(request: PlanRequest): StandIns {
  const { jobs, rows, devices } = request;
  const size = devices.length * sum(jobs.map(({ batchSize }, job) => batchSize * rows[job]!.steps.length));
  if (size <= WHOLE) return { request, of: jobs.map((_, job) => job) };
  const longest = longestRows(rows);
  const names = jobs.map((job, index) => kindOf(job, longest[index]!));
  const kinds = [...groupBy([...jobs.keys()], (job) => names[job]!).values()];
  // Where there are more kinds than jobs are taken, those with the longest mini-batches; one that leaves its cut open is.
  const weight = ([job]: readonly number[]): number => jobs[job!]!.batchSize * longest[job!]!;
  const byWeight = kinds.sort((a, b) => weight(b) - weight(a) || a[0]! - b[0]!);
  const open = byWeight.find(([job]) => leavesCutOpen(jobs[job!]!));
  const inTurn = open === undefined ? byWeight : [open, ...byWeight.filter((kind) => kind !== open)];
  const taken = inTurns(inTurn, Math.min(jobs.length, Math.max(MOST_JOBS, devices.length)));
  const place = new Map(taken.map((job, at) => [job, at]));
  // Of kinds of which nobody is taken, those that leave their cuts open have that of another one that does.
  const places = new Map([...place].map(([job, at]) => [names[job]!, at]));
  const another = open === undefined ? 0 : place.get(open[0]!)!;
  return {
    request: { ...request, jobs: taken.map((job) => jobs[job]!), rows: taken.map((job) => fewSteps(rows[job]!)) },
    of: names.map((name, job) => place.get(job) ?? places.get(name) ?? another),
  };
}
