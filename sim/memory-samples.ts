import type { Nanos } from "../core/index.ts";
import { BACKWARD, FORWARD, type StageMemory } from "../plan/index.ts";
import type { CounterSample } from "../traces/index.ts";
import type { DeviceState } from "./device.ts";

/** A micro-batch's saved activations: there from the start of its forward (1), gone at the end of its backward (-1). */
export interface InFlightChange {
  readonly timeNs: number;
  readonly delta: 1 | -1;
}

/** The changes on a device over a finished run, in order of time. */
export function* inFlightChanges({ order, compute }: DeviceState): Generator<InFlightChange> {
  for (let position = 0; position < order.letters.length; position += 1) {
    const letter = order.letters[position]!;
    if (letter === FORWARD) yield { timeNs: compute.startNs[position]!, delta: 1 };
    else if (letter === BACKWARD) yield { timeNs: compute.endNs[position]!, delta: -1 };
  }
}

/**
 * Bytes in use on one device: what is always there, and the saved activations of the micro-batches in flight, of which `peakInFlight` share
 * `memory.activations`. One sample an instant, and none where nothing changed. `changes` are in order of time.
 */
export function* memorySamples(
  device: number,
  memory: StageMemory,
  peakInFlight: number,
  changes: Iterable<InFlightChange>,
): Generator<CounterSample> {
  const staticBytes = memory.total - memory.activations;
  const sample = (timeNs: number, count: number): CounterSample => ({
    counter: "memory",
    device,
    timeNs: timeNs as Nanos,
    value: staticBytes + Math.round((count * memory.activations) / Math.max(peakInFlight, 1)),
  });
  let nowNs = 0;
  let inFlight = 0;
  /** The count of the sample before. */
  let sampled = -1;
  for (const { timeNs, delta } of changes) {
    if (timeNs !== nowNs) {
      if (inFlight !== sampled) yield sample(nowNs, inFlight);
      sampled = inFlight;
      nowNs = timeNs;
    }
    inFlight += delta;
  }
  if (inFlight !== sampled) yield sample(nowNs, inFlight);
}
