/** How a job of a trace ended. `stopped`: by its user. */
export type TraceEnd = "completed" | "failed" | "stopped";

/** A job of a published cluster trace, as far as the trace says. */
export interface TraceJob {
  readonly id: string;
  /** "" where the trace names nobody. */
  readonly user: string;
  /** When it was submitted, on the trace's own clock. */
  readonly submitSeconds: number;
  /** Its GPUs times how long it ran. */
  readonly gpuSeconds: number;
  readonly ended: TraceEnd;
}
