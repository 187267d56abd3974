import { InvariantError } from "../core/index.ts";
import { MAX_TRACE_NS, toMicroseconds } from "./chrome-time.ts";
import { STREAMS, type Stream, type Trace, type TraceEvent } from "./trace.ts";
import { parseTraceAction } from "./trace-action.ts";
import type { ChromeEvent, TraceDocument } from "./trace-document.ts";

function pidOf(device: number): number {
  return device + 1;
}

/** The tid of a stream's row; lane 0 is the stream itself, further lanes hold transfers that overlap. */
function tidOf(stream: Stream, lane: number): number {
  return 1 + STREAMS.indexOf(stream) + STREAMS.length * lane;
}

/** The stream that a tid (from 1) belongs to. */
export function streamOfTid(tid: number): Stream {
  return STREAMS[(tid - 1) % STREAMS.length]!;
}

const CATEGORY = { receive: "transfer", compute: "compute", send: "transfer", host: "host" } as const;

interface Rows {
  /** tid by event. */
  readonly tids: readonly number[];
  /** Lanes by device and stream; 0 where there is no event. */
  readonly lanes: readonly Readonly<Record<Stream, number>>[];
}

/**
 * Gives each event a row on which nothing overlaps, since slices of one tid have to nest.
 * A stream has one row, but for transfers that overlap on it: messages of both directions, or latencies.
 * @throws InvariantError for events out of order, actions that overlap on a compute stream, or a trace that is too long.
 */
function assignRows(trace: Trace): Rows {
  const ends = trace.devices.map((): Record<Stream, number[]> => ({ receive: [], compute: [], send: [], host: [] }));
  const starts = trace.devices.map((): Record<Stream, number> => ({ receive: 0, compute: 0, send: 0, host: 0 }));
  const tids = trace.events.map(({ device, stream, startNs, durationNs, action }) => {
    const rows = ends[device]?.[stream];
    if (rows === undefined) throw new InvariantError({ expected: "a device of the trace", at: action, got: device });
    const end = startNs + durationNs;
    if (end > MAX_TRACE_NS)
      throw new InvariantError({ expected: `a trace of at most ${MAX_TRACE_NS} ns`, at: action, got: end });
    if (startNs < starts[device]![stream])
      throw new InvariantError({
        expected: `events of a ${stream} stream in order of start time`,
        at: action,
        got: startNs,
      });
    starts[device]![stream] = startNs;
    const free = rows.findIndex((freeNs) => freeNs <= startNs);
    const lane = free === -1 ? rows.length : free;
    if (lane > 0 && (stream === "compute" || stream === "host")) {
      throw new InvariantError({
        expected: `one event at a time on the ${stream} stream of ${trace.devices[device]}`,
        at: action,
        got: startNs,
      });
    }
    rows[lane] = end;
    return tidOf(stream, lane);
  });
  return {
    tids,
    lanes: ends.map(({ receive, compute, send, host }) => ({
      receive: receive.length,
      compute: compute.length,
      send: send.length,
      host: host.length,
    })),
  };
}

function* metadata(trace: Trace, rows: Rows): Generator<ChromeEvent> {
  for (const [device, name] of trace.devices.entries()) {
    const pid = pidOf(device);
    yield { ph: "M", name: "process_name", pid, args: { name } };
    yield { ph: "M", name: "process_sort_index", pid, args: { sort_index: device } };
    for (const [order, stream] of STREAMS.entries()) {
      for (let lane = 0; lane < rows.lanes[device]![stream]; lane += 1) {
        const tid = tidOf(stream, lane);
        yield { ph: "M", name: "thread_name", pid, tid, args: { name: lane === 0 ? stream : `${stream} ${lane + 1}` } };
        yield { ph: "M", name: "thread_sort_index", pid, tid, args: { sort_index: order * 100 + lane } };
      }
    }
  }
}

/** What a slice is called: its action, behind the collective that it is part of. */
export function sliceName({
  action,
  collective,
}: {
  readonly action: string;
  readonly collective?: string | undefined;
}): string {
  return collective === undefined ? action : `${collective} ${action}`;
}

function slice(event: TraceEvent, tid: number): ChromeEvent {
  const { action, jobs, stage, microBatch, step, part, tokens, bytes, collective } = event;
  return {
    ph: "X",
    name: sliceName(event),
    cat: CATEGORY[event.stream],
    pid: pidOf(event.device),
    tid,
    ts: toMicroseconds(event.startNs),
    dur: toMicroseconds(event.durationNs),
    args: {
      action,
      jobs: [...jobs],
      stage,
      microBatch,
      step,
      part,
      tokens,
      ...(bytes === undefined ? {} : { bytes }),
      ...(collective === undefined ? {} : { collective }),
    },
  };
}

/** An arrow for each message from the slice of its sending to the action that consumes it: activations go a stage up, gradients a stage down. */
function* flows(trace: Trace, rows: Rows): Generator<ChromeEvent> {
  const computed = new Map<string, number>();
  for (const [i, event] of trace.events.entries()) if (event.stream === "compute") computed.set(event.action, i);
  let id = 0;
  for (const [i, event] of trace.events.entries()) {
    if (event.stream !== "send" || event.letter === "U" || event.collective !== undefined) continue;
    const { stage, letter, microBatch } = parseTraceAction(event.action);
    const consumer = computed.get(`${stage + (letter === "F" ? 1 : -1)}${letter}${microBatch}`);
    if (consumer === undefined) continue;
    const target = trace.events[consumer]!;
    id += 1;
    const flow = { id, cat: "transfer", name: letter === "F" ? "activations" : "gradients" } as const;
    yield { ph: "s", ...flow, pid: pidOf(event.device), tid: rows.tids[i]!, ts: toMicroseconds(event.startNs) };
    yield {
      ph: "f",
      bp: "e",
      ...flow,
      pid: pidOf(target.device),
      tid: rows.tids[consumer]!,
      ts: toMicroseconds(target.startNs),
    };
  }
}

function* counters(trace: Trace): Generator<ChromeEvent> {
  for (const { counter, device, job, timeNs, value } of trace.counters) {
    if (!Number.isFinite(value))
      throw new InvariantError({ expected: "a finite number in a counter", at: counter, got: String(value) });
    const at = { pid: pidOf(device), ts: toMicroseconds(timeNs) };
    if (counter === "memory") yield { ph: "C", name: "memory", ...at, args: { bytes: value } };
    else if (job === undefined) throw new InvariantError({ expected: "the job of a loss sample", at: `${timeNs} ns` });
    else yield { ph: "C", name: `loss ${job}`, ...at, args: { loss: value } };
  }
}

/** Slices come before the flows that lie in them; readers sort by time and keep the file's order where times are equal. */
function* chromeEvents(trace: Trace): Generator<ChromeEvent> {
  const rows = assignRows(trace);
  yield* metadata(trace, rows);
  for (const [i, event] of trace.events.entries()) yield slice(event, rows.tids[i]!);
  yield* flows(trace, rows);
  yield* counters(trace);
}

function otherData(trace: Trace): TraceDocument["otherData"] {
  const { source, planHash, calibrationHash, versions, intervals } = trace;
  const facts = { kind: "trace", version: 1, source, planHash, calibrationHash, versions: { ...versions } } as const;
  return intervals === undefined
    ? facts
    : { ...facts, intervals: intervals as NonNullable<TraceDocument["otherData"]["intervals"]> };
}

/**
 * The trace as one object. `parseTraceDocument` gives back an equal trace.
 * @throws InvariantError for a trace that breaks its own rules.
 */
export function traceDocument(trace: Trace): TraceDocument {
  return { displayTimeUnit: "ms", otherData: otherData(trace), traceEvents: [...chromeEvents(trace)] };
}

/**
 * The trace's file, line by line and without line ends: one event a line, so that a big trace never is one text.
 * @throws InvariantError for a trace that breaks its own rules.
 */
export function* traceLines(trace: Trace): Generator<string> {
  yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify(otherData(trace))},"traceEvents":[`;
  let previous: string | undefined;
  for (const event of chromeEvents(trace)) {
    if (previous !== undefined) yield `${previous},`;
    previous = JSON.stringify(event);
  }
  if (previous !== undefined) yield previous;
  yield "]}";
}
