import { groupBy, sum } from "../../core/index.ts";
import type { StepLayout } from "../../plan/index.ts";
import type { StepShares } from "../observations/training-step.ts";
import { allLayouts } from "./all-layouts.ts";
import { layoutBytes, layoutSeconds, layoutShares, type StepWork, usableBytes } from "./step-layout.ts";
import type { StepMachine } from "./step-machine.ts";

/** A job that trains for some steps, all alike. */
export interface LayoutJob {
  readonly name: string;
  readonly steps: number;
  readonly work: StepWork;
}

/** All jobs in a layout: packed into common micro-batches, or one job after another. */
export interface LayoutRow {
  readonly jobs: "together" | "apart";
  readonly layout: StepLayout;
  readonly seconds: number;
  /** Of an accelerator, the fullest. */
  readonly bytes: number;
  /** Where the seconds of the first step go, of all jobs or of the largest one. */
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

/** A step of each job that has not ended, until all have. */
function togetherSeconds(machine: StepMachine, layout: StepLayout, jobs: readonly LayoutJob[]): number {
  const ends = [...new Set(jobs.map(({ steps }) => steps))].sort((a, b) => a - b);
  return sum(
    ends.map((end, index) => {
      const left = jobs.filter(({ steps }) => steps >= end).map(({ work }) => work);
      return (end - (ends[index - 1] ?? 0)) * layoutSeconds(machine, layout, left);
    }),
  );
}

function largest(jobs: readonly LayoutJob[]): LayoutJob {
  return jobs.reduce((a, b) => (b.work.tokens > a.work.tokens ? b : a));
}

function rowsOf(machine: StepMachine, layout: StepLayout, jobs: readonly LayoutJob[]): readonly LayoutRow[] {
  const works = jobs.map(({ work }) => work);
  const apart: LayoutRow = {
    jobs: "apart",
    layout,
    seconds: sum(jobs.map(({ steps, work }) => steps * layoutSeconds(machine, layout, [work]))),
    bytes: Math.max(...works.map((work) => layoutBytes(machine, layout, [work]))),
    shares: layoutShares(machine, layout, [largest(jobs).work]),
  };
  if (jobs.length === 1) return [apart];
  const together: LayoutRow = {
    jobs: "together",
    layout,
    seconds: togetherSeconds(machine, layout, jobs),
    bytes: layoutBytes(machine, layout, works),
    shares: layoutShares(machine, layout, works),
  };
  return [together, apart];
}

/** Layouts that differ in how much is kept and cut alone, and train jobs in the same way. */
function splitName({ jobs, layout }: LayoutRow): string {
  const { recomputedLayers: _recomputed, microTokens: _tokens, ...split } = layout;
  return JSON.stringify([jobs, split]);
}

/** Every layout of all jobs of one base model on equal accelerators. */
export function compareLayouts(machine: StepMachine, jobs: readonly LayoutJob[]): LayoutComparison {
  const layouts = allLayouts(machine, jobs[0]!.work.architecture);
  const most = usableBytes(machine);
  const all = layouts.map((layout) => rowsOf(machine, layout, jobs));
  const fitting = all.map((rows) => rows.filter(({ bytes }) => bytes <= most));
  const fastest = [...groupBy(fitting.flat(), splitName).values()].map((rows) =>
    rows.reduce((a, b) => (b.seconds < a.seconds ? b : a)),
  );
  return {
    rows: fastest.sort((a, b) => a.seconds - b.seconds),
    layouts: layouts.length,
    haveRoom: fitting.filter((rows) => rows.length > 0).length,
    leastBytes: all.flat().reduce((least, { bytes }) => Math.min(least, bytes), Number.POSITIVE_INFINITY),
    usableBytes: most,
  };
}
