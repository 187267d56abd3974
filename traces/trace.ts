import type { Nanos } from "../core/index.ts";
import type { ActionKey, ActionLetter } from "../plan/index.ts";
import type { Intervals } from "./intervals.ts";
import type { RunMachine } from "./machine.ts";

/**
 * What a device does at once. Actions of a compute stream never overlap; transfers may, in two directions or by their
 * latencies.
 */
export const STREAMS = ["receive", "compute", "send"] as const;
export type Stream = (typeof STREAMS)[number];

/** Something that all devices do together over their links. */
export const COLLECTIVES = ["all-gather", "reduce-scatter", "all-reduce"] as const;

/** What an action or the transfer of its message took. */
export interface TraceEvent {
  /**
   * The action computed; for send and receive, the action whose result travels (`0F3`: activations of 3 leave stage 0).
   */
  readonly action: ActionKey;
  /** Index into the trace's devices. */
  readonly device: number;
  readonly stream: Stream;
  readonly startNs: Nanos;
  readonly durationNs: Nanos;
  readonly stage: number;
  readonly letter: ActionLetter;
  readonly microBatch: number;
  /** Job names, in job order. */
  readonly jobs: readonly string[];
  /** Optimizer step of the group, from 0. */
  readonly step: number;
  /** Micro-batch within the mini-batch, from 0. */
  readonly part: number;
  readonly tokens: number;
  /**
   * Of `durationNs`, how long the device's threads did not have their cores; of executed actions, where somebody
   * counted.
   */
  readonly interruptedNs?: Nanos;
  /**
   * For how long the device's thread could have begun and did not have its core, since the end of what it did before;
   * where somebody counted.
   */
  readonly delayedNs?: Nanos;
  /** Message size of send and receive events; of a collective the whole buffer. */
  readonly bytes?: number;
  /**
   * Set where send and receive are of a collective: the action is the one that needs it, or whose result it adds up.
   */
  readonly collective?: (typeof COLLECTIVES)[number];
}

/** A value over time: bytes in use on a device, or the loss of a job's step. */
export interface CounterSample {
  readonly counter: "memory" | "loss";
  readonly device: number;
  /** Job of a loss sample. */
  readonly job?: string;
  readonly timeNs: Nanos;
  readonly value: number;
}

/**
 * One record of what happened, predicted or real, to be read as often as needed; whether it is held or made anew each
 * time is its own business.
 */
export interface TraceStream {
  readonly source: "simulated" | "executed";
  readonly planHash: string;
  readonly calibrationHash: string;
  /** Versions of loratwin and what it ran on, for people. */
  readonly versions: Readonly<Record<string, string>>;
  /** Of a simulated run: where the figures of the real one are expected. */
  readonly intervals?: Intervals;
  /** Of an executed run. */
  readonly machine?: RunMachine;
  /** Device names in plan order. */
  readonly devices: readonly string[];
  /** In order of start time within a device's stream. */
  readonly events: Iterable<TraceEvent>;
  /** Those of compute streams, where they can be had without the others. */
  readonly actions?: Iterable<TraceEvent>;
  readonly counters: Iterable<CounterSample>;
}

/** A trace that is held. */
export interface Trace extends Omit<TraceStream, "actions"> {
  readonly events: readonly TraceEvent[];
  readonly counters: readonly CounterSample[];
}

/** The trace with all its events made. */
export function heldTrace({ actions: _actions, ...trace }: TraceStream): Trace {
  return { ...trace, events: [...trace.events], counters: [...trace.counters] };
}
