import type { FleetOutcome, JobRequest, JournalLine, PlanDocument } from "../../plan/index.ts";

/** What one revision printed and wrote for a golden workload; read without trusting that it has all of it. */
export interface GoldenRun {
  readonly name: string;
  /** 0 where it was planned and simulated. */
  readonly code: number;
  /** What it said where it was not. */
  readonly error: string | null;
  /** `plan --json`; null for jobs over time, and for schedules without a plan. */
  readonly plan: PlanSummary | null;
  /** The plan itself; of jobs over time as it grew with them, where they are simulated by actions. */
  readonly document: PlanDocument | null;
  /** `simulate --json`. */
  readonly metrics: RunSummary | null;
  /** Actions on devices; empty for jobs over time that are simulated by iterations. */
  readonly actions: readonly SeenAction[];
  /** Bytes in use on devices, in order of time. */
  readonly memory: readonly MemorySample[];
  /** Decisions of a scheduler. */
  readonly journal: readonly JournalLine[];
  /** `simulate --json` of the same jobs in reverse, where that is asked for. */
  readonly reversed: RunSummary | null;
  /** Of all that it printed and wrote: another run has the same. */
  readonly digest: string;
  /** The same of another run: after other workloads, on one core, with another seed of hashes; null where there was none. */
  readonly digestAgain: string | null;
  /** Figures of what it printed, by the paths of their keys: those that each member of a list has. */
  readonly fields: readonly string[];
  /** Of planning and simulating: of the processor, and as it passed. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/** What a run is without anything in it; `error`: why. */
export function emptyRun(name: string, code = 0, error: string | null = null): GoldenRun {
  return {
    ...{ name, code, error, plan: null, document: null, metrics: null, actions: [], memory: [], journal: [] },
    ...{ reversed: null, digest: "", digestAgain: null, fields: [], cpuSeconds: 0, wallSeconds: 0 },
  };
}

export interface MemorySample {
  readonly device: string;
  readonly timeNs: number;
  readonly bytes: number;
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

interface Bound {
  readonly boundSeconds: number;
}

/** Of a plan, or of jobs over time: what the other one has is absent. */
export interface RunSummary {
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  /** Of a plan: tokens of all rows that were trained or evaluated. */
  readonly tokens?: number;
  readonly devices?: readonly {
    readonly name: string;
    readonly busySeconds?: number;
    readonly peakMemoryBytes: number;
  }[];
  readonly turnaroundSeconds?: Spread;
  readonly bounds?: { readonly makespan: Bound; readonly meanTurnaround: Bound } | null;
  readonly weightedTurnaroundSeconds?: number;
  readonly fairness?: number;
  /** By pipeline. */
  readonly utilisation?: readonly number[];
  readonly preemptions?: number;
  readonly refused?: number;
  /** Where its machine is taken away: with what that costs, the number of times, and seconds by cause. */
  readonly totalSeconds?: number;
  readonly interruptions?: number;
  readonly causes?: Readonly<Record<string, { readonly seconds: number }>>;
  readonly interrupted?: { readonly restartSeconds: number };
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
  /** Of its group of jobs. */
  readonly step: number;
  readonly tokens: number;
  /** Of a transfer. */
  readonly bytes: number;
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
