import { InvariantError } from "../core/index.ts";
import { MAX_TRACE_NS } from "./chrome-time.ts";
import { STREAMS, type Stream, type TraceEvent } from "./trace.ts";

/** From a stream's tid on one lane to its tid on the next; every fourth tid is of no stream. */
const TIDS_A_LANE = 4;

/** The tid of a stream's row; lane 0 is the stream itself, further lanes hold transfers that overlap. */
export function tidOf(stream: Stream, lane: number): number {
  return 1 + STREAMS.indexOf(stream) + TIDS_A_LANE * lane;
}

/** The stream that a tid (from 1) belongs to; undefined for a tid of no stream. */
export function streamOfTid(tid: number): Stream | undefined {
  return STREAMS[(tid - 1) % TIDS_A_LANE];
}

interface StreamRows {
  /** Where the last event on each lane ends. */
  readonly endsNs: number[];
  /** Start of the last event. */
  startNs: number;
}

/**
 * Gives each event a row on which nothing overlaps, since slices of one tid have to nest.
 * A stream has one row, but for transfers that overlap on it: messages of both directions, or latencies.
 */
export class ChromeRows {
  readonly #devices: readonly string[];
  readonly #rows: readonly Readonly<Record<Stream, StreamRows>>[];

  constructor(devices: readonly string[]) {
    const newRows = (): StreamRows => ({ endsNs: [], startNs: 0 });
    this.#devices = devices;
    this.#rows = devices.map(() => ({ receive: newRows(), compute: newRows(), send: newRows() }));
  }

  /**
   * The tid of the next event.
   * @throws InvariantError for an event out of order, an action that overlaps on a compute stream, or a trace that is
   * too long.
   */
  place({ device, stream, startNs, durationNs, action }: TraceEvent): number {
    const rows = this.#rows[device]?.[stream];
    if (rows === undefined) throw new InvariantError({ expected: "a device of the trace", at: action, got: device });
    const end = startNs + durationNs;
    if (end > MAX_TRACE_NS)
      throw new InvariantError({ expected: `a trace of at most ${MAX_TRACE_NS} ns`, at: action, got: end });
    if (startNs < rows.startNs)
      throw new InvariantError({
        expected: `events of a ${stream} stream in order of start time`,
        at: action,
        got: startNs,
      });
    rows.startNs = startNs;
    let lane = 0;
    while (lane < rows.endsNs.length && rows.endsNs[lane]! > startNs) lane += 1;
    if (lane > 0 && stream === "compute") {
      throw new InvariantError({
        expected: `one event at a time on the ${stream} stream of ${this.#devices[device]}`,
        at: action,
        got: startNs,
      });
    }
    rows.endsNs[lane] = end;
    return tidOf(stream, lane);
  }

  /** Rows of a stream so far; 0 without an event. */
  numLanes(device: number, stream: Stream): number {
    return this.#rows[device]![stream].endsNs.length;
  }
}
