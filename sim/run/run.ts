import { sum } from "../../core/index.ts";
import type { Channel } from "./channel.ts";
import { longer } from "./columns.ts";
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

type Column = Float64Array | Int32Array | Uint8Array | Uint32Array;

/** Columns of the same names, one behind the other. */
function joined<Columns extends Readonly<Record<string, Column>>>(pieces: readonly Columns[]): Columns {
  const names = Object.keys(pieces[0]!);
  return Object.fromEntries(
    names.map((name) => {
      const own = pieces.map((piece) => piece[name]!);
      const result = longer(own[0]!, sum(own.map(({ length }) => length)));
      let at = own[0]!.length;
      for (const column of own.slice(1)) {
        result.set(column, at);
        at += column.length;
      }
      return [name, result];
    }),
  ) as unknown as Columns;
}

/** A run of which one piece was taken after the other; at least one. */
export function joinRuns(pieces: readonly Run[]): Run {
  const last = pieces.at(-1)!;
  return {
    ...last,
    devices: last.devices.map(({ stage }, at) => ({
      stage,
      compute: joined(pieces.map(({ devices }) => ({ ...devices[at]!.compute }))),
      send: joined(pieces.map(({ devices }) => ({ ...devices[at]!.send }))),
      receive: joined(pieces.map(({ devices }) => ({ ...devices[at]!.receive }))),
    })),
  };
}
