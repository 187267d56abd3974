import type { Nanos } from "../../core/index.ts";
import {
  BACKWARD,
  bytesInUse,
  EVALUATION,
  FORWARD,
  layoutOfStage,
  type PlanBody,
  parseOrder,
  stashPlacement,
} from "../../plan/index.ts";
import type { CounterSample } from "../../traces/index.ts";
import type { StageRun } from "./run.ts";

/** When what is in use changes: at the start of a forward, at the end of a backward, and at both of an evaluation. */
export interface MemoryChange {
  readonly timeNs: number;
  /** In the stage's order. */
  readonly position: number;
  readonly at: "start" | "end";
}

/** The changes on a device over a finished run, in order of time. */
export function* memoryChanges({ compute }: Pick<StageRun, "compute">): Generator<MemoryChange> {
  for (let position = 0; position < compute.letters.length; position += 1) {
    const letter = compute.letters[position]!;
    if (letter === FORWARD || letter === EVALUATION)
      yield { timeNs: compute.startNs[position]!, position, at: "start" };
    if (letter === BACKWARD || letter === EVALUATION) yield { timeNs: compute.endNs[position]!, position, at: "end" };
  }
}

/**
 * Bytes in use on the device of a stage. One sample an instant, and none where nothing changed. `changes` are in order
 * of time.
 */
export function* memorySamples(
  plan: PlanBody,
  stage: number,
  changes: Iterable<MemoryChange>,
): Generator<CounterSample> {
  const memory = plan.memory[stage]!;
  const { slots } = plan;
  const placement = stashPlacement(parseOrder(plan.actions[stage]!, stage), plan.microBatches, slots);
  const staticBytes = memory.total - memory.activations;
  const unitBytes =
    slots === "placed" ? memory.activations / Math.max(placement.peak, 1) : layoutOfStage(plan, stage).unitBytes;
  const sample = (timeNs: number, value: number): CounterSample => ({
    counter: "memory",
    device: plan.stages[stage]!.device,
    timeNs: timeNs as Nanos,
    value,
  });
  let nowNs = 0;
  let value = staticBytes;
  /** The value of the sample before. */
  let sampled = -1;
  for (const { timeNs, position, at } of changes) {
    if (timeNs !== nowNs) {
      if (value !== sampled) yield sample(nowNs, value);
      sampled = value;
      nowNs = timeNs;
    }
    value = bytesInUse(placement[at === "start" ? "used" : "left"][position]!, staticBytes, unitBytes);
  }
  if (value !== sampled) yield sample(nowNs, value);
}
