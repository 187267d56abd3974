// What the page of a fleet is made of; server side and client share these types. Spans and times are columns.
import type { FleetHistory, SpanKind, Spent, StoryPart } from "../plan/index.ts";
import type { LossCurve } from "./report-data.ts";
import type { JobSamples } from "./samples-data.ts";

/** Kinds of spans by code: the `kind` column holds the index. */
export const SPAN_KINDS = [
  "waiting",
  "training",
  "leaving",
  "preempted",
  "paused",
] as const satisfies readonly SpanKind[];

/** What jobs did when: in the order of jobs, and of a job in time. Columns of equal length. */
export interface SpanTable {
  /** Index into `FleetPart.jobs`. */
  readonly job: readonly number[];
  /** Index into SPAN_KINDS. */
  readonly kind: readonly number[];
  readonly startNs: readonly number[];
  readonly endNs: readonly number[];
  /** -1 where the job is on none. */
  readonly pipeline: readonly number[];
  /** Iterations that the job had behind it. */
  readonly done: readonly number[];
  /** Index into `FleetPart.reasons`. */
  readonly why: readonly number[];
}

export interface FleetPageJob {
  readonly name: string;
  /** Which colour it has on the page; its index in `FleetPart.jobs` when absent. */
  readonly colour?: number;
  readonly user: string;
  readonly priority: number;
  readonly arrivalNs: number;
  readonly startNs: number | null;
  readonly endNs: number | null;
  readonly deadlineNs: number | null;
  readonly turnaroundNs: number;
  readonly waitedNs: number;
  readonly trainedNs: number;
  readonly iterations: number;
  readonly done: number;
  readonly preemptions: number;
  readonly outcome: FleetHistory["jobs"][number]["outcome"];
  /** Of a stop or a refusal. */
  readonly why: string;
  /** What it took of devices; absent where nobody says. */
  readonly spent?: Spent;
}

/** A figure of a fleet, as people read it. */
export interface FleetFigure {
  readonly name: string;
  readonly text: string;
  /** What it means, or what belongs to it. */
  readonly detail: string;
}

/** A fleet under one policy. */
export interface FleetPart {
  /** As "sjf". */
  readonly title: string;
  readonly figures: readonly FleetFigure[];
  /** In the order of arrival. */
  readonly jobs: readonly FleetPageJob[];
  readonly spans: SpanTable;
  readonly reasons: readonly string[];
  readonly numPipelines: number;
  readonly endNs: number;
  /** A fleet's story: a sentence, and what it is made of. */
  readonly story: readonly StoryPart[];
  /** Of the jobs that have trained; absent where nobody trained for real. */
  readonly losses?: readonly LossCurve[];
  /** Of those that were evaluated, on their held-out rows. */
  readonly heldOut?: readonly LossCurve[];
  readonly samples?: readonly JobSamples[];
}

/** The first fleet of a page, which was executed, beside the second one, its twin. Errors are simulated / executed - 1. */
export interface FleetComparison {
  /** By job of the first fleet: its turnaround in the twin, and the error of that; null unless it has ended in both. */
  readonly twinNs: readonly (number | null)[];
  readonly error: readonly (number | null)[];
  readonly figures: readonly FleetFigure[];
  /** Where the decisions parted. */
  readonly story: readonly StoryPart[];
}

export interface FleetPageData {
  readonly title: string;
  readonly date: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** One, or two to be looked at beside each other. */
  readonly fleets: readonly FleetPart[];
  /** Absent unless they are an executed one and its twin. */
  readonly comparison?: FleetComparison;
}
