// What a page is made of. The server side writes it into the page as JSON, the client reads it back; both share these types.
// Bars and samples are columns of equal length instead of objects: a run has tens of thousands of them.

/** Index into `ReportData.actions`' columns. */
export type ActionIndex = number;

/** Letters by code: the `letter` column holds the index. */
export const LETTERS = ["F", "B", "U"] as const;
/** Streams by code, in the order in which a device's lanes are drawn: the `stream` column holds the index. */
export const LANES = ["receive", "compute", "send", "host"] as const;

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

export interface ReportDevice {
  readonly name: string;
  readonly busySeconds: number;
  readonly idleSeconds: number;
  readonly peakMemoryBytes: number;
}

export interface ReportTrace {
  readonly source: "simulated" | "executed";
  readonly bars: BarTable;
  /** Bytes in use, by device. */
  readonly memory: readonly SampleTable[];
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  /** Over the steady region; null when the run has none. */
  readonly bubbleRatio: number | null;
  /** Over the whole run. */
  readonly bubbleRatioTotal: number;
  readonly devices: readonly ReportDevice[];
  readonly jobs: readonly ReportJobTimes[];
}

/** What became of a job in one trace. */
export interface ReportJobTimes {
  readonly name: string;
  readonly steps: number;
  readonly tokens: number;
  readonly startSeconds: number;
  readonly endSeconds: number;
}

export interface ReportJob {
  readonly name: string;
  /** Rank, scale and targets in a few words; empty when no plan was given. */
  readonly adapter: string;
}

/** Errors are fractions of the executed value: (simulated - executed) / executed. */
export interface KindErrors {
  readonly count: number;
  readonly meanAbsError: number;
  /** Weighted by executed duration. */
  readonly weightedError: number;
  /** The signed mean. */
  readonly bias: number;
}

export interface WorstAction {
  readonly action: string;
  readonly jobs: readonly string[];
  readonly simulatedSeconds: number;
  readonly executedSeconds: number;
  readonly error: number;
}

export interface ReportComparison {
  readonly makespanError: number;
  readonly meanAbsActionError: number;
  readonly weightedActionError: number;
  readonly perKind: Readonly<Partial<Record<(typeof LETTERS)[number], KindErrors>>>;
  /** By device. */
  readonly peakMemoryError: readonly number[];
  readonly worst: readonly WorstAction[];
}

/** A job's loss by optimizer step. */
export interface LossCurve {
  /** Index into `ReportData.jobs`. */
  readonly job: number;
  readonly step: readonly number[];
  readonly loss: readonly number[];
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
  readonly jobs: readonly ReportJob[];
  /** Job indices of each set of jobs that shares micro-batches. */
  readonly jobSets: readonly (readonly number[])[];
  readonly actions: ActionTable;
  /** One, or the simulated before the executed. */
  readonly traces: readonly ReportTrace[];
  readonly comparison: ReportComparison | null;
  /** The memory model's figure for each device; empty when no plan was given. */
  readonly plannedPeakBytes: readonly number[];
  readonly losses: readonly LossCurve[];
}
