// What a page is made of. The server side writes it into the page as JSON, the client reads it back; both share these
// types. Bars and samples are columns of equal length instead of objects: a run has tens of thousands of them.
import type { ActionLetter } from "../plan/index.ts";
import type { Comparison, Intervals, JobMetrics, RunTotals, Trace } from "../traces/index.ts";
import type { RunPath } from "./run-path.ts";
import type { JobSamples } from "./samples-data.ts";

/** Index into `ReportData.actions`' columns. */
export type ActionIndex = number;

/** Letters by code: the `letter` column holds the index. */
export const LETTERS = ["F", "B", "U", "I", "W", "E"] as const satisfies readonly ActionLetter[];
/** Streams by code, in the order in which a device's lanes are drawn: the `stream` column holds the index. */
export const LANES = ["receive", "compute", "send"] as const;

/** Everything about an action that does not depend on the trace. Columns of equal length. */
export interface ActionTable {
  /** Action keys, such as `2F5`. */
  readonly key: readonly string[];
  readonly stage: readonly number[];
  /** Index into LETTERS. */
  readonly letter: readonly number[];
  readonly microBatch: readonly number[];
  /** Index into `ReportData.jobSets`. */
  readonly jobSet: readonly number[];
  readonly step: readonly number[];
  readonly part: readonly number[];
  readonly tokens: readonly number[];
}

/** One bar of a timeline for each event, in order of start. Columns of equal length. */
export interface BarTable {
  readonly action: readonly ActionIndex[];
  readonly device: readonly number[];
  /** Index into LANES. */
  readonly stream: readonly number[];
  readonly startNs: readonly number[];
  readonly durationNs: readonly number[];
  /** Message size; 0 for computation. */
  readonly bytes: readonly number[];
}

/** A quantity over time: equally long columns, times ascending. */
export interface SampleTable {
  readonly timeNs: readonly number[];
  readonly value: readonly number[];
}

export interface ReportTrace extends Omit<RunTotals, "tokens"> {
  readonly source: Trace["source"];
  readonly bars: BarTable;
  /** Bytes in use, by device. */
  readonly memory: readonly SampleTable[];
  /** Empty when no plan was given. */
  readonly jobs: readonly JobMetrics[];
  /** Where the figures were expected; null for an executed trace, and for exact times. */
  readonly intervals: Intervals | null;
  /** What the run's end waits for; null where nobody knows. */
  readonly path: RunPath | null;
}

export interface ReportJob {
  readonly name: string;
  /** Rank, scale and targets in a few words; empty when no plan was given. */
  readonly adapter: string;
}

/** What the page shows of a comparison; errors are simulated / executed - 1. */
export type ReportComparison = Pick<
  Comparison,
  "makespanError" | "meanAbsActionError" | "weightedActionError" | "perKind" | "peakMemoryError" | "worst"
>;

/** What is left of the makespan's error without the machine's. */
export interface ReportMachine {
  /** Predicted for the machine as it was. */
  readonly makespanSeconds: number;
  readonly makespanError: number;
  /** What was the machine's doing, a text for each device. */
  readonly lines: readonly string[];
}

/** A job's loss by optimizer step; null where it is not finite. */
export interface LossCurve {
  /** Index into `ReportData.jobs`. */
  readonly job: number;
  readonly step: readonly number[];
  readonly loss: readonly (number | null)[];
}

/** What else a run tells of a job's steps; empty columns where it does not. */
export interface StepCurve extends LossCurve {
  /** Over the whole adapter, before clipping. */
  readonly gradNorm: readonly (number | null)[];
  /** That the step has used. */
  readonly learningRate: readonly number[];
}

/** A line of the header: what was run, and on what. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

export interface ReportData {
  readonly title: string;
  readonly facts: readonly Fact[];
  /** Device names, in plan order. */
  readonly devices: readonly string[];
  /** Indices of the devices of each pipeline, in the order in which they are drawn; empty for a run of one. */
  readonly pipelines: readonly (readonly number[])[];
  readonly jobs: readonly ReportJob[];
  /** Job indices of each set of jobs that shares micro-batches. */
  readonly jobSets: readonly (readonly number[])[];
  readonly actions: ActionTable;
  /** One, or the simulated before the executed. */
  readonly traces: readonly ReportTrace[];
  readonly comparison: ReportComparison | null;
  /** null where calibration or run do not know how fast their machine was. */
  readonly machine: ReportMachine | null;
  /** The memory model's figure for each device; empty when no plan was given. */
  readonly plannedPeakBytes: readonly number[];
  readonly losses: readonly StepCurve[];
  /** Of jobs that were evaluated, on their held-out rows. */
  readonly heldOut: readonly LossCurve[];
  readonly samples: readonly JobSamples[];
}
