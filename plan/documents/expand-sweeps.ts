import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { type DocumentPath, formatPath } from "./document-path.ts";
import type { ReadText } from "./read-text.ts";
import { type HalvingSpec, MOST_POINTS, type ModelSearchSpec, type SweepSpec } from "./sweep.ts";
import { gridSize, type SweepPoint, sweepPoints } from "./sweep-points.ts";

/** Jobs of a workload that one written job stands for. */
export interface Sweep {
  /** Of the written job. */
  readonly name: string;
  /** Place of the written job, and of the first job that was made of it. */
  readonly written: number;
  readonly first: number;
  readonly points: readonly SweepPoint[];
  /** Where the points' values stand, below the written job. */
  readonly within: DocumentPath;
  readonly halving: HalvingSpec | undefined;
  /** Of a search whose later points follow from the losses of earlier ones. */
  readonly model: ModelSearchSpec | undefined;
}

/** A written job with all defaults, and the sweep over it. */
export interface Template {
  readonly job: Mapping;
  readonly sweep: SweepSpec | undefined;
}

export interface ExpandedJobs {
  readonly jobs: readonly Mapping[];
  readonly sweeps: readonly Sweep[];
}

function pointsOf(sweep: SweepSpec, index: number, source: ReadText): readonly SweepPoint[] {
  const refuse = (expected: string, got: unknown, path: DocumentPath): never => {
    const full = ["jobs", index, "sweep", ...path];
    throw new InputError({ expected, at: formatPath(full), got, file: source.file, ...source.locate(full) });
  };
  const { grid, random, model } = sweep;
  if (grid !== undefined && gridSize(grid) > MOST_POINTS)
    refuse(`a grid of at most ${MOST_POINTS} points`, `${gridSize(grid)} points`, ["grid"]);
  const points = sweepPoints(sweep);
  const [asked, key] = random === undefined ? [model, "model"] : [random, "random"];
  if (asked !== undefined && points.length < asked.count)
    refuse(`at most as many points as differ, ${points.length} of them`, asked.count, [key, "count"]);
  return points;
}

/** A job with the values of a point. */
export function withValues<Job extends object>(job: Job, values: SweepPoint["values"]): Job {
  const made = { ...job } as Record<string, unknown>;
  for (const { path, value } of values) {
    const [outer, inner] = path;
    made[outer] = inner === undefined ? value : { ...(made[outer] as Mapping | undefined), [inner]: value };
  }
  return made as Job;
}

function withPoint(job: Mapping, { name, values }: SweepPoint): Mapping {
  return withValues({ ...job, name: `${String(job["name"])}-${name}` }, values);
}

/** The first point has the base evaluated, which is the same for all of them; unless the job says otherwise. */
function withBase(job: Mapping): Mapping {
  const { evaluation, loss } = job;
  if (!isMapping(evaluation) || evaluation["base"] !== undefined || loss !== undefined) return job;
  return { ...job, evaluation: { ...evaluation, base: true } };
}

/** A job for each point of each sweep, where the written job stands. @throws InputError for a sweep of too many points */
export function expandSweeps(templates: readonly Template[], source: ReadText): ExpandedJobs {
  const jobs: Mapping[] = [];
  const sweeps: Sweep[] = [];
  templates.forEach(({ job, sweep }, written) => {
    if (sweep === undefined) {
      jobs.push(job);
      return;
    }
    const points = pointsOf(sweep, written, source);
    sweeps.push({
      ...{ name: String(job["name"]), written, first: jobs.length, points, halving: sweep.halving, model: sweep.model },
      within:
        sweep.grid !== undefined
          ? ["sweep", "grid"]
          : ["sweep", sweep.model === undefined ? "random" : "model", "over"],
    });
    points.forEach((point, index) => {
      const made = withPoint(job, point);
      jobs.push(index === 0 ? withBase(made) : made);
    });
  });
  return { jobs, sweeps };
}

/** Where a path of the expanded workload was written: a point's value in its sweep, all else in the written job. */
export function writtenPath(sweeps: readonly Sweep[], path: DocumentPath): DocumentPath {
  const [jobs, index, ...rest] = path;
  if (jobs !== "jobs" || typeof index !== "number") return path;
  let place = index;
  for (const { first, points, written, within } of sweeps) {
    if (index < first) break;
    if (index >= first + points.length) {
      place -= points.length - 1;
      continue;
    }
    const isSwept = points[0]!.values.some((value) => formatPath(value.path) === formatPath(rest));
    return ["jobs", written, ...(isSwept ? within : []), ...rest];
  }
  return ["jobs", place, ...rest];
}
