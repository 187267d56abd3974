import { formatBytes } from "../../core/index.ts";
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
  /** Bytes of each device of a pipeline that are kept for a job that begins there; absent where nobody measures. */
  reserve?(pipeline: number, job: FleetJob): readonly number[];
  /** The machines as they are known once a job was seen to take so many bytes of each device of its pipeline. */
  learn?(job: FleetJob, bytes: readonly number[]): Resources;
}

export function shortfallText(shortfall: Shortfall): string {
  return shortfall.kind === "memory"
    ? `memory short by ${formatBytes(shortfall.bytes)} on ${shortfall.device}`
    : `${shortfall.most} jobs at once are there`;
}
