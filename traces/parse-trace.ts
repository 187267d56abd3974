import type { z } from "zod";
import { InputError, nanos } from "../core/index.ts";
import { documentHint, expectation, parseAnyAction } from "../plan/index.ts";
import { streamOfTid } from "./chrome-rows.ts";
import { fromMicroseconds, MAX_TRACE_NS } from "./chrome-time.ts";
import { STREAM_CATEGORY, sliceName } from "./chrome-trace.ts";
import type { CounterSample, Trace, TraceEvent } from "./trace.ts";
import { type ChromeEvent, type TraceDocument, traceDocumentSchema } from "./trace-document.ts";

type Slice = Extract<ChromeEvent, { ph: "X" }>;
type Counter = Extract<ChromeEvent, { ph: "C" }>;

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`))
    .join("");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (node, key) =>
      typeof node === "object" && node !== null ? (node as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_union") return expectation(issue);
  return issue.discriminator === "ph"
    ? "an event of a kind that loratwin writes (X, M, C, s, f)"
    : "the fields of such an event";
}

const WRITTEN_BY = "A trace is written by `loratwin simulate -o` and `loratwin train`.";

function check(value: unknown, file: string): TraceDocument {
  const result = traceDocumentSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const unknownKey = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = unknownKey === undefined ? issue.path : [...issue.path, unknownKey];
  throw new InputError({
    expected: expected(issue),
    at: pathText(path),
    got: unknownKey ?? valueAt(value, path),
    file,
    hint: documentHint("trace", (value as { readonly kind?: unknown } | null)?.kind) ?? WRITTEN_BY,
  });
}

function deviceNames(document: TraceDocument, file: string): string[] {
  const names: string[] = [];
  for (const [i, event] of document.traceEvents.entries()) {
    if (event.ph !== "M" || event.name !== "process_name") continue;
    if (names[event.pid - 1] !== undefined)
      throw new InputError({
        expected: "one process_name for each pid",
        at: `traceEvents[${i}].pid`,
        got: event.pid,
        file,
      });
    names[event.pid - 1] = event.args.name;
  }
  for (let device = 0; device < names.length; device += 1) {
    if (names[device] === undefined)
      throw new InputError({
        expected: `a process_name for each pid from 1 to ${names.length}`,
        at: "traceEvents",
        got: `none for pid ${device + 1}`,
        file,
      });
  }
  return names;
}

function readSlice(slice: Slice, at: string, file: string): TraceEvent {
  const { args } = slice;
  const { letter, microBatch } = parseAnyAction(args.action);
  const name = sliceName(args);
  if (slice.name !== name)
    throw new InputError({ expected: `the action's key ${name}`, at: `${at}.name`, got: slice.name, file });
  if (args.microBatch !== microBatch)
    throw new InputError({
      expected: `the micro-batch of action ${args.action}`,
      at: `${at}.args.microBatch`,
      got: args.microBatch,
      file,
    });
  const stream = streamOfTid(slice.tid);
  if (stream === undefined)
    throw new InputError({ expected: "the tid of a stream's row", at: `${at}.tid`, got: slice.tid, file });
  const category = STREAM_CATEGORY[stream];
  if (slice.cat !== category)
    throw new InputError({ expected: `${category} on a ${stream} stream`, at: `${at}.cat`, got: slice.cat, file });
  return {
    action: args.action,
    device: slice.pid - 1,
    stream,
    startNs: fromMicroseconds(slice.ts),
    durationNs: fromMicroseconds(slice.dur),
    stage: args.stage,
    letter,
    microBatch,
    jobs: args.jobs,
    step: args.step,
    part: args.part,
    tokens: args.tokens,
    ...(args.interrupted === undefined ? {} : { interruptedNs: fromMicroseconds(args.interrupted) }),
    ...(args.delayed === undefined ? {} : { delayedNs: fromMicroseconds(args.delayed) }),
    ...(args.bytes === undefined ? {} : { bytes: args.bytes }),
    ...(args.collective === undefined ? {} : { collective: args.collective }),
  };
}

function readCounter(event: Counter, at: string, file: string): CounterSample {
  const base = { device: event.pid - 1, timeNs: fromMicroseconds(event.ts) };
  if (event.name === "memory" && "bytes" in event.args) return { counter: "memory", ...base, value: event.args.bytes };
  if (event.name !== "memory" && "loss" in event.args)
    return { counter: "loss", ...base, job: event.name.slice("loss ".length), value: event.args.loss };
  throw new InputError({
    expected: event.name === "memory" ? "bytes" : "loss",
    at: `${at}.args`,
    got: Object.keys(event.args).join(", "),
    file,
  });
}

/**
 * The trace that a parsed JSON document holds; exact to the nanosecond.
 * @throws InputError naming the path of the first thing that is wrong.
 */
export function parseTraceDocument(value: unknown, options: { readonly file: string }): Trace {
  const { file } = options;
  const document = check(value, file);
  const devices = deviceNames(document, file);
  const events: TraceEvent[] = [];
  const counters: CounterSample[] = [];
  const rowEnds = new Map<string, number>();
  for (const [i, event] of document.traceEvents.entries()) {
    const at = `traceEvents[${i}]`;
    if (event.pid > devices.length)
      throw new InputError({
        expected: "the pid of a process that has a process_name",
        at: `${at}.pid`,
        got: event.pid,
        file,
      });
    if ("ts" in event && event.ts * 1000 > MAX_TRACE_NS)
      throw new InputError({
        expected: `at most ${MAX_TRACE_NS / 1000} microseconds`,
        at: `${at}.ts`,
        got: event.ts,
        file,
      });
    if (event.ph === "C") counters.push(readCounter(event, at, file));
    else if (event.ph === "X") {
      if (event.dur * 1000 > MAX_TRACE_NS)
        throw new InputError({
          expected: `at most ${MAX_TRACE_NS / 1000} microseconds`,
          at: `${at}.dur`,
          got: event.dur,
          file,
        });
      const read = readSlice(event, at, file);
      const row = `${event.pid}/${event.tid}`;
      const rowEnd = rowEnds.get(row) ?? 0;
      if (read.startNs < rowEnd) {
        throw new InputError({
          expected: `a start at or after the end of the event before on this pid and tid, ${rowEnd / 1000}`,
          at: `${at}.ts`,
          got: event.ts,
          file,
        });
      }
      rowEnds.set(row, nanos(read.startNs + read.durationNs));
      events.push(read);
    }
  }
  const { source, planHash, calibrationHash, versions, intervals, machine } = document.otherData;
  const facts = { source, planHash, calibrationHash, versions, devices, events, counters };
  return {
    ...facts,
    ...(intervals === undefined ? {} : { intervals }),
    ...(machine === undefined ? {} : { machine }),
  };
}
