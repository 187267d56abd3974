import type { Channel } from "./channel.ts";
import type { ComputeColumns, TransferColumns } from "./device.ts";

/** What has ended on the streams of a stage's device. */
export interface StageRun {
  readonly stage: number;
  readonly compute: ComputeColumns;
  readonly send: TransferColumns;
  readonly receive: TransferColumns;
}

/** What has ended of a run, in columns: what a trace is made of. */
export interface Run {
  /** By stage. */
  readonly devices: readonly StageRun[];
  readonly channels: readonly Pick<Channel, "from" | "kind">[];
  /** Events that were applied: ends of actions and of bytes on a wire, and arrivals. */
  readonly numEvents: number;
}
