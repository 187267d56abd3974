import { InvariantError } from "../core/index.ts";
import { type CounterSample, STREAMS, type Trace, type TraceEvent } from "./trace.ts";

/** Collects what happens, in any order, and hands it over as a trace. */
export interface TraceRecorder {
  add(event: TraceEvent): void;
  /** A value that is not finite (the loss of a job that diverged) is left out: JSON has no such number. */
  addCounter(sample: CounterSample): void;
  /**
   * Everything recorded so far, by start time, device and stream.
   * @throws InvariantError when two actions overlap on one compute stream.
   */
  finish(): Trace;
}

/**
 * At equal starts on one stream an event without duration comes first: only so can both fit; then the order of
 * recording holds.
 */
function byTime(a: TraceEvent, b: TraceEvent): number {
  return (
    a.startNs - b.startNs ||
    a.device - b.device ||
    STREAMS.indexOf(a.stream) - STREAMS.indexOf(b.stream) ||
    a.durationNs - b.durationNs
  );
}

function checkCompute(events: readonly TraceEvent[], devices: readonly string[]): void {
  const last: (TraceEvent | undefined)[] = devices.map(() => undefined);
  for (const event of events) {
    if (event.stream !== "compute") continue;
    const before = last[event.device];
    if (before !== undefined && event.startNs < before.startNs + before.durationNs) {
      throw new InvariantError({
        expected: `${event.action} to start on ${devices[event.device]} after ${before.action} has ended`,
        got: event.startNs,
      });
    }
    last[event.device] = event;
  }
}

/** A recorder for one run; the facts are those of the trace. */
export function createTraceRecorder(facts: Omit<Trace, "events" | "counters">): TraceRecorder {
  const events: TraceEvent[] = [];
  const counters: CounterSample[] = [];
  return {
    add: (event) => void events.push(event),
    addCounter: (sample) => {
      if (Number.isFinite(sample.value)) counters.push(sample);
    },
    finish() {
      const sorted = [...events].sort(byTime);
      checkCompute(sorted, facts.devices);
      return {
        ...facts,
        events: sorted,
        counters: [...counters].sort((a, b) => a.timeNs - b.timeNs || a.device - b.device),
      };
    },
  };
}
