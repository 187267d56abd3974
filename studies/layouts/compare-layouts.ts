import { groupBy, maximum, sum } from "../../core/index.ts";
import type { StepLayout } from "../../plan/index.ts";
import { plainSoftware } from "../observations/plain-software.ts";
import type { StepTrust } from "../observations/step-predictor.ts";
import type { StepShares } from "../observations/training-step.ts";
import { type AskedLayout, allLayouts } from "./all-layouts.ts";
import { DealtRows, type StepWork } from "./dealt-rows.ts";
import { layoutBytes, layoutSeconds, layoutShares, layoutTrust, usableBytes } from "./step-layout.ts";
import type { StepMachine } from "./step-machine.ts";

/** A job that trains for some steps. */
export interface LayoutJob {
  readonly name: string;
  /** Its steps are all there are. */
  readonly work: StepWork;
}

/** All jobs in a layout: packed into common micro-batches, or one job after another. */
export interface LayoutRow {
  readonly jobs: "together" | "apart";
  readonly layout: StepLayout;
  readonly seconds: number;
  readonly trust: StepTrust;
  /** Of an accelerator, the fullest. */
  readonly bytes: number;
  /** Where the seconds of the first steps go, of all jobs or of the largest one. */
  readonly shares: StepShares;
}

export interface LayoutComparison {
  /** The fastest layout of each split of the model and rows that has room, both ways to train the jobs, by time. */
  readonly rows: readonly LayoutRow[];
  readonly layouts: number;
  /** Of those, how many have room for some way to train the jobs. */
  readonly haveRoom: number;
  /** What an accelerator takes at least in any layout, and what it may take. */
  readonly leastBytes: number;
  readonly usableBytes: number;
}

/** Steps that are alike: jobs that train together, and how often. */
interface Phase {
  readonly steps: number;
  readonly rows: DealtRows;
}

/** Steps of each job, the same of all of them. */
interface Way {
  readonly jobs: LayoutRow["jobs"];
  readonly phases: readonly Phase[];
  /** Whose memory is the most and whose shares are told, at any time. */
  readonly fullest: readonly DealtRows[];
  readonly largest: DealtRows;
}

/** Rows that are looked at, of all phases together; and the fewest steps of a phase. */
const ROWS = 4096;
const LEAST_STEPS = 8;

/** Steps from one to another, or some of them that stand for all, as far apart as they can be. */
function phaseOf(jobs: readonly LayoutJob[], from: number, to: number, mostRows: number): Phase {
  const rows = sum(jobs.map(({ work }) => maximum(work.steps.map(({ length }) => length))));
  const count = Math.min(to - from, Math.max(LEAST_STEPS, Math.floor(mostRows / rows)));
  const taken = Array.from({ length: count }, (_, step) => from + Math.floor(((step + 0.5) * (to - from)) / count));
  const works = jobs.map(({ work }) => ({ ...work, steps: taken.map((step) => work.steps[step]!) }));
  return { steps: to - from, rows: new DealtRows(works) };
}

/** One job after another. */
function apartOf(jobs: readonly LayoutJob[]): Way {
  const phases = jobs.map((job) => phaseOf([job], 0, job.work.steps.length, ROWS / jobs.length));
  const all = phases.map(({ rows }) => rows);
  const largest = all.reduce((a, b) => (b.tokens > a.tokens ? b : a));
  return { jobs: "apart", phases, fullest: all, largest };
}

/** A step of each job that has not ended, until all have. */
function togetherOf(jobs: readonly LayoutJob[]): Way {
  const ends = [...new Set(jobs.map(({ work }) => work.steps.length))].sort((a, b) => a - b);
  const phases = ends.map((end, place) => {
    const left = jobs.filter(({ work }) => work.steps.length >= end);
    return phaseOf(left, ends[place - 1] ?? 0, end, ROWS / ends.length);
  });
  const [first] = phases;
  return { jobs: "together", phases, fullest: [first!.rows], largest: first!.rows };
}

/** A layout of which it is not yet told how sure its time is, and where it goes. */
type TimedLayout = Pick<LayoutRow, "jobs" | "layout" | "seconds" | "bytes"> & { readonly way: Way };

function timed(machine: StepMachine, layout: StepLayout, way: Way): TimedLayout {
  return {
    ...{ jobs: way.jobs, way, layout },
    seconds: sum(way.phases.map(({ steps, rows }) => steps * layoutSeconds(machine, layout, rows))),
    bytes: maximum(way.fullest.map((rows) => layoutBytes(machine, layout, rows))),
  };
}

/** Layouts that differ in how much is kept and cut alone, and train jobs in the same way. */
function splitName({ jobs, layout }: TimedLayout): string {
  const { recomputedLayers: _recomputed, microTokens: _tokens, ...split } = layout;
  return JSON.stringify([jobs, split]);
}

/**
 * Every layout of all jobs of one base model on equal accelerators, with what was asked for.
 * @throws InputError as `allLayouts` does
 */
export function compareLayouts(
  machine: StepMachine,
  jobs: readonly LayoutJob[],
  asked: AskedLayout = {},
): LayoutComparison {
  const layouts = allLayouts(machine, jobs[0]!.work.architecture, asked);
  const most = usableBytes(machine);
  // Plain software trains one adapter at a time.
  const isApart = jobs.length === 1 || plainSoftware(machine.release) !== undefined;
  const ways = isApart ? [apartOf(jobs)] : [togetherOf(jobs), apartOf(jobs)];
  const all = layouts.map((layout) => ways.map((way) => timed(machine, layout, way)));
  const fitting = all.map((rows) => rows.filter(({ bytes }) => bytes <= most));
  const fastest = [...groupBy(fitting.flat(), splitName).values()].map((rows) =>
    rows.reduce((a, b) => (b.seconds < a.seconds ? b : a)),
  );
  return {
    rows: fastest
      .sort((a, b) => a.seconds - b.seconds)
      .map(({ way, ...row }) => ({
        ...row,
        trust: layoutTrust(machine, row.layout, way.largest),
        shares: layoutShares(machine, row.layout, way.largest),
      })),
    layouts: layouts.length,
    haveRoom: fitting.filter((rows) => rows.length > 0).length,
    leastBytes: all.flat().reduce((least, { bytes }) => Math.min(least, bytes), Number.POSITIVE_INFINITY),
    usableBytes: most,
  };
}
