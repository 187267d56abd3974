import { formatBytes } from "../../core/index.ts";
import type { MemoryFits } from "../memory/fitted-memory.ts";
import type { FleetJob } from "./fleet-job.ts";

/** What keeps jobs from training together. */
export type Shortfall =
  | { readonly kind: "memory"; readonly device: string; readonly bytes: number }
  | { readonly kind: "jobs"; readonly most: number };

/** What a scheduler asks of the machines: pure, so that the same question has the same answer at any time. */
export interface Resources {
  readonly numPipelines: number;
  /** Tokens that a micro-batch has room for on every pipeline; absent where nobody packs by them. */
  readonly microBatchTokens?: number;
  /** Whether a job always needs the same, so that jobs that train together fit together until one comes. */
  readonly isSteady: boolean;
  /** What is missing where the jobs would train together on a pipeline; undefined where they can. */
  shortfall(pipeline: number, jobs: readonly FleetJob[]): Shortfall | undefined;
  /** Jobs of one kind fit where others of it do. */
  kindOf(job: FleetJob): string;
  /** Predicted nanoseconds of an iteration of a job that has a pipeline to itself. */
  iterationNs(job: FleetJob): number;
  /** What its next iteration takes of the device that it takes the most of. */
  nextBytes(job: FleetJob): number;
  /** Length of the longest row of its next iteration, in tokens. */
  nextLength(job: FleetJob): number;
  /** Where what jobs take is measured: what was learned of it. */
  readonly learning?: Learning;
}

/** What is known of jobs' sizes by what was measured. Bytes are of each device of a pipeline, in the order of stages. */
export interface Learning {
  /** All of it, as JSON holds it. */
  readonly fits: MemoryFits;
  /** The machines where that was learned. */
  withFits(fits: MemoryFits): Resources;
  /** What is kept for a job that begins on a pipeline. */
  reserve(pipeline: number, job: FleetJob): readonly number[];
  /** The machines as they are known once a job was seen to take so much of its pipeline. */
  learn(job: FleetJob, bytes: readonly number[]): Resources;
  /** What a job is predicted to be seen to take. */
  expected(pipeline: number, job: FleetJob): readonly number[];
}

export function shortfallText(shortfall: Shortfall): string {
  return shortfall.kind === "memory"
    ? `memory short by ${formatBytes(shortfall.bytes)} on ${shortfall.device}`
    : `${shortfall.most} jobs at once are there`;
}
