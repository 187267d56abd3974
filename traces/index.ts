// One record of what happened, simulated or executed.
export { type CounterSample, STREAMS, type Stream, type Trace, type TraceEvent } from "./trace.ts";
