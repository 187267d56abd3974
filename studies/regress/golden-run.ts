import type { FleetOutcome, JobRequest, JournalLine } from "../../plan/index.ts";

/** What one revision printed and wrote for a golden workload; read without trusting that it has all of it. */
export interface GoldenRun {
  readonly name: string;
  /** 0 where it was planned and simulated. */
  readonly code: number;
  /** What it said where it was not. */
  readonly error: string | null;
  /** `plan --json`; null for jobs over time, and for schedules without a plan. */
  readonly plan: PlanSummary | null;
  /** `simulate --json`. */
  readonly metrics: RunSummary | null;
  /** Actions on devices; empty for jobs over time. */
  readonly actions: readonly SeenAction[];
  /** Decisions of a scheduler. */
  readonly journal: readonly JournalLine[];
  /** `simulate --json` of the same jobs in reverse, where that is asked for. */
  readonly reversed: RunSummary | null;
}

export interface PlanSummary {
  readonly schedule: string;
  /** Null where nothing limits them. */
  readonly maxInFlight: readonly (number | null)[] | null;
  readonly jobsAtOnce: number;
  readonly groups: readonly { readonly jobs: readonly string[] }[];
  readonly pipelines: readonly { readonly devices: readonly string[] }[];
  readonly stages: readonly StageSummary[];
  readonly microBatches: readonly { readonly jobs: readonly string[]; readonly tokens: number }[];
}

export interface StageSummary {
  readonly device: string;
  readonly firstLayer: number;
  readonly endLayer: number;
  readonly startsAtMlp?: boolean;
  readonly endsAtAttention?: boolean;
  readonly recomputedLayers: number;
  readonly memory: { readonly total: number };
}

interface Spread {
  readonly mean: number;
  readonly p95: number;
}

/** Of a plan, or of jobs over time: what the other one has is absent. */
export interface RunSummary {
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  readonly devices?: readonly { readonly name: string; readonly peakMemoryBytes: number }[];
  readonly turnaroundSeconds?: Spread;
  readonly weightedTurnaroundSeconds?: number;
  readonly fairness?: number;
  readonly refused?: number;
  /** Of a plan by name and times, of a fleet as its outcomes. */
  readonly jobs: readonly (FleetOutcome | { readonly name: string; readonly turnaroundSeconds: number })[];
}

/** A piece of a device's time. */
export interface SeenAction {
  readonly device: string;
  /** `compute`, or a stream of transfers. */
  readonly stream: string;
  /** `forward`, `backward`, `update`, `evaluation`, `transfer`, or a collective. */
  readonly kind: string;
  /** `0F5`, and of a collective its name in front. */
  readonly name: string;
  readonly jobs: readonly string[];
  readonly startNs: number;
  readonly endNs: number;
}

/** Outcomes of jobs over time; empty for a plan. */
export function outcomesOf({ jobs }: RunSummary): readonly FleetOutcome[] {
  return jobs.filter((job): job is FleetOutcome => "arrivalNs" in job);
}

/** By its number, what was asked for with each job that came over time. */
export function requestsOf({ journal }: GoldenRun): ReadonlyMap<number, JobRequest> {
  return new Map(
    journal.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === "arrived" ? [[event.number, event.request] as const] : [])),
    ),
  );
}
