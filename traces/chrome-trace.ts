import { InvariantError } from "../core/index.ts";
import { type ActionKey, type ActionLetter, parseAnyAction } from "../plan/index.ts";
import { ChromeRows, tidOf } from "./chrome-rows.ts";
import { microsecondsText } from "./chrome-time.ts";
import { STREAMS, type TraceEvent, type TraceStream } from "./trace.ts";
import type { TraceDocument } from "./trace-document.ts";

function pidOf(device: number): number {
  return device + 1;
}

/** The category of a stream's slices. */
export const STREAM_CATEGORY = { receive: "transfer", compute: "compute", send: "transfer" } as const;

function* metadata(trace: TraceStream, rows: ChromeRows): Generator<string> {
  for (const [device, name] of trace.devices.entries()) {
    const pid = pidOf(device);
    yield `{"ph":"M","name":"process_name","pid":${pid},"args":{"name":${JSON.stringify(name)}}}`;
    yield `{"ph":"M","name":"process_sort_index","pid":${pid},"args":{"sort_index":${device}}}`;
    for (const [order, stream] of STREAMS.entries()) {
      for (let lane = 0; lane < rows.numLanes(device, stream); lane += 1) {
        const place = `"pid":${pid},"tid":${tidOf(stream, lane)}`;
        const label = lane === 0 ? stream : `${stream} ${lane + 1}`;
        yield `{"ph":"M","name":"thread_name",${place},"args":{"name":"${label}"}}`;
        yield `{"ph":"M","name":"thread_sort_index",${place},"args":{"sort_index":${order * 100 + lane}}}`;
      }
    }
  }
}

/** Texts of lists of jobs; events share their lists. */
type JobTexts = WeakMap<readonly string[], string>;

function jobsText(jobs: readonly string[], known: JobTexts): string {
  const text = known.get(jobs) ?? JSON.stringify(jobs);
  known.set(jobs, text);
  return text;
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

function slice(event: TraceEvent, tid: number, texts: JobTexts): string {
  const { action, jobs, stage, microBatch, step, part, tokens, interruptedNs, delayedNs, bytes, collective } = event;
  const times = `"ts":${microsecondsText(event.startNs)},"dur":${microsecondsText(event.durationNs)}`;
  const lost = interruptedNs === undefined ? "" : `,"interrupted":${microsecondsText(interruptedNs)}`;
  const late = delayedNs === undefined ? "" : `,"delayed":${microsecondsText(delayedNs)}`;
  const size = bytes === undefined ? "" : `,"bytes":${bytes}`;
  const shared = collective === undefined ? "" : `,"collective":"${collective}"`;
  return `{"ph":"X","name":"${sliceName(event)}","cat":"${STREAM_CATEGORY[event.stream]}","pid":${pidOf(event.device)},"tid":${tid},${times},"args":{"action":"${action}","jobs":${jobsText(jobs, texts)},"stage":${stage},"microBatch":${microBatch},"step":${step},"part":${part},"tokens":${tokens}${lost}${late}${size}${shared}}}`;
}

/** Where the actions are that consume messages: device and start by letter, stage and micro-batch. */
class Consumers {
  readonly #columns = new Map<ActionLetter, { readonly devices: number[]; readonly startsNs: number[] }[]>();

  add(event: TraceEvent): void {
    const { stage, letter, microBatch } = parseAnyAction(event.action);
    const stages = this.#columns.get(letter) ?? [];
    if (stages.length === 0) this.#columns.set(letter, stages);
    const columns = stages[stage] ?? { devices: [], startsNs: [] };
    stages[stage] = columns;
    columns.devices[microBatch] = event.device;
    columns.startsNs[microBatch] = event.startNs;
  }

  /**
   * pid and start of the action that consumes the result of `action`: activations go a stage up, gradients a stage
   * down.
   */
  of(action: ActionKey): { readonly pid: number; readonly startNs: number } | undefined {
    const { stage, letter, microBatch } = parseAnyAction(action);
    const columns = this.#columns.get(letter)?.[stage + (letter === "F" || letter === "E" ? 1 : -1)];
    const device = columns?.devices[microBatch];
    return device === undefined ? undefined : { pid: pidOf(device), startNs: columns!.startsNs[microBatch]! };
  }
}

/** An arrow for each message from the slice of its sending to the action that consumes it. */
function* flows(trace: TraceStream, consumers: Consumers): Generator<string> {
  const rows = new ChromeRows(trace.devices);
  const consumerTid = tidOf("compute", 0);
  let id = 0;
  for (const event of trace.events) {
    if (event.stream !== "send") continue;
    const tid = rows.place(event);
    if (event.letter === "U" || event.collective !== undefined) continue;
    const target = consumers.of(event.action);
    if (target === undefined) continue;
    id += 1;
    const flow = `"id":${id},"cat":"transfer","name":"${event.letter === "F" || event.letter === "E" ? "activations" : "gradients"}"`;
    yield `{"ph":"s",${flow},"pid":${pidOf(event.device)},"tid":${tid},"ts":${microsecondsText(event.startNs)}}`;
    yield `{"ph":"f","bp":"e",${flow},"pid":${target.pid},"tid":${consumerTid},"ts":${microsecondsText(target.startNs)}}`;
  }
}

function* counters(trace: TraceStream): Generator<string> {
  for (const { counter, device, job, timeNs, value } of trace.counters) {
    if (!Number.isFinite(value))
      throw new InvariantError({ expected: "a finite number in a counter", at: counter, got: String(value) });
    if (counter === "loss" && job === undefined)
      throw new InvariantError({ expected: "the job of a loss sample", at: `${timeNs} ns` });
    const name = counter === "memory" ? '"memory"' : JSON.stringify(`loss ${job}`);
    const what = counter === "memory" ? "bytes" : "loss";
    yield `{"ph":"C","name":${name},"pid":${pidOf(device)},"ts":${microsecondsText(timeNs)},"args":{"${what}":${JSON.stringify(value)}}}`;
  }
}

/** The slices; `consumers` gets the actions on the way. */
function* slices(trace: TraceStream, consumers: Consumers): Generator<string> {
  const rows = new ChromeRows(trace.devices);
  const texts: JobTexts = new WeakMap();
  for (const event of trace.events) {
    if (event.stream === "compute") consumers.add(event);
    yield slice(event, rows.place(event), texts);
  }
}

/**
 * Slices come before the flows that lie in them; readers sort by time and keep the file's order where times are equal.
 */
function chromeEvents(trace: TraceStream): readonly Iterable<string>[] {
  const rows = new ChromeRows(trace.devices);
  for (const event of trace.events) rows.place(event);
  const consumers = new Consumers();
  return [metadata(trace, rows), slices(trace, consumers), flows(trace, consumers), counters(trace)];
}

function otherData(trace: TraceStream): TraceDocument["otherData"] {
  const { source, planHash, calibrationHash, versions, intervals, machine } = trace;
  const facts = { kind: "trace", version: 1, source, planHash, calibrationHash, versions: { ...versions } } as const;
  return {
    ...facts,
    ...(intervals === undefined
      ? {}
      : { intervals: intervals as NonNullable<TraceDocument["otherData"]["intervals"]> }),
    ...(machine === undefined ? {} : { machine }),
  };
}

/**
 * The trace's file, line by line and without line ends: one event a line, so that a big trace never is one text.
 * The events are read three times: for their rows, for the slices, and for the arrows between them.
 * @throws InvariantError for a trace that breaks its own rules.
 */
export function* traceLines(trace: TraceStream): Generator<string> {
  yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify(otherData(trace))},"traceEvents":[`;
  let previous: string | undefined;
  for (const part of chromeEvents(trace)) {
    for (const event of part) {
      if (previous !== undefined) yield `${previous},`;
      previous = event;
    }
  }
  if (previous !== undefined) yield previous;
  yield "]}";
}

/**
 * The trace's file as one object. `parseTraceDocument` gives back an equal trace.
 * @throws InvariantError for a trace that breaks its own rules.
 */
export function traceDocument(trace: TraceStream): TraceDocument {
  return JSON.parse([...traceLines(trace)].join("\n"));
}
