import type { Nanos } from "../../core/index.ts";
import {
  formatAction,
  messageBytes,
  microBatchJobs,
  microBatchTokens,
  PLANNED_LETTERS,
  type PlanBody,
} from "../../plan/index.ts";
import type { Stream, TraceEvent } from "../../traces/index.ts";
import type { TransferColumns } from "./device.ts";
import type { Run, StageRun } from "./run.ts";

/** Facts of micro-batches that their events repeat. */
interface Facts {
  readonly jobs: readonly (readonly string[])[];
  readonly tokens: readonly number[];
  /** Of a boundary and a micro-batch. */
  readonly bytes: (boundary: number, microBatch: number) => number;
}

function factsOf(plan: PlanBody): Facts {
  const { jobs, microBatches } = plan;
  const sets = new Map<string, readonly string[]>();
  return {
    tokens: microBatches.map(microBatchTokens),
    bytes: messageBytes(plan),
    jobs: microBatches.map((microBatch) => {
      const names = microBatchJobs(microBatch, jobs);
      const key = names.join("\n");
      const known = sets.get(key);
      if (known === undefined) sets.set(key, names);
      return known ?? names;
    }),
  };
}

/**
 * Positions by time of start. Transfers are written down as they end: only where messages of different neighbours are
 * beside each other is that another order.
 */
function inOrderOfStart(startNs: Float64Array): Iterable<number> {
  if (startNs.every((ns, at) => at === 0 || startNs[at - 1]! <= ns)) return startNs.keys();
  return Uint32Array.from(startNs.keys()).sort((a, b) => startNs[a]! - startNs[b]! || a - b);
}

function* transferEvents(
  plan: PlanBody,
  facts: Facts,
  { channels }: Run,
  transfers: TransferColumns,
  stream: Stream,
  device: number,
): Generator<TraceEvent> {
  for (const at of inOrderOfStart(transfers.startNs)) {
    const { from: stage, kind } = channels[transfers.channels[at]!]!;
    const microBatch = transfers.microBatches[at]!;
    const { step, part, evaluation = false } = plan.microBatches[microBatch]!;
    const letter = evaluation ? "E" : kind === "activation" ? "F" : "B";
    const startNs = transfers.startNs[at]! as Nanos;
    yield {
      action: formatAction({ stage, letter, microBatch }),
      device,
      stream,
      startNs,
      durationNs: (transfers.endNs[at]! - startNs) as Nanos,
      stage,
      letter,
      microBatch,
      jobs: facts.jobs[microBatch]!,
      step,
      part,
      tokens: facts.tokens[microBatch]!,
      bytes: facts.bytes(kind === "activation" ? stage : stage - 1, microBatch),
    };
  }
}

function* computeEvents(plan: PlanBody, facts: Facts, { stage, compute }: StageRun): Generator<TraceEvent> {
  const { device } = plan.stages[stage]!;
  const keys = plan.actions[stage]!;
  for (let at = 0; at < compute.startNs.length; at++) {
    const microBatch = compute.microBatches[at]!;
    const { step, part } = plan.microBatches[microBatch]!;
    const startNs = compute.startNs[at]! as Nanos;
    yield {
      action: keys[at]!,
      device,
      stream: "compute",
      startNs,
      durationNs: (compute.endNs[at]! - startNs) as Nanos,
      stage,
      letter: PLANNED_LETTERS[compute.letters[at]!]!,
      microBatch,
      jobs: facts.jobs[microBatch]!,
      step,
      part,
      tokens: facts.tokens[microBatch]!,
    };
  }
}

/**
 * Events of a finished run of a whole plan, each made when it is asked for. Device by device: received, computed, sent,
 * each in order of start.
 */
export function* traceEvents(plan: PlanBody, run: Run): Generator<TraceEvent> {
  const facts = factsOf(plan);
  for (const state of run.devices) {
    const { device } = plan.stages[state.stage]!;
    yield* transferEvents(plan, facts, run, state.receive, "receive", device);
    yield* computeEvents(plan, facts, state);
    yield* transferEvents(plan, facts, run, state.send, "send", device);
  }
}

/** The events of `traceEvents` that are on compute streams. */
export function* actionEvents(plan: PlanBody, run: Run): Generator<TraceEvent> {
  const facts = factsOf(plan);
  for (const state of run.devices) yield* computeEvents(plan, facts, state);
}
