import type { Nanos } from "../../core/index.ts";
import { microBatchJobs, microBatchTokens, PLANNED_LETTERS, type PlanBody } from "../../plan/index.ts";
import type { Stream, TraceEvent } from "../../traces/index.ts";
import { messageKey, messageMicroBatch } from "./channel.ts";
import type { DeviceState, TransferStream } from "./device.ts";
import type { Run } from "./plan-run.ts";

/** Facts of micro-batches that their events repeat. */
interface Facts {
  readonly jobs: readonly (readonly string[])[];
  readonly tokens: readonly number[];
}

function factsOf({ jobs, microBatches }: PlanBody): Facts {
  const sets = new Map<string, readonly string[]>();
  return {
    tokens: microBatches.map(microBatchTokens),
    jobs: microBatches.map((microBatch) => {
      const names = microBatchJobs(microBatch, jobs);
      const key = names.join("\n");
      const known = sets.get(key);
      if (known === undefined) sets.set(key, names);
      return known ?? names;
    }),
  };
}

function* transferEvents(
  plan: PlanBody,
  facts: Facts,
  { channels, bytesOf }: Run,
  transfers: TransferStream,
  stream: Stream,
  device: number,
): Generator<TraceEvent> {
  const numbers = new Map<number, number>();
  for (let at = 0; at < transfers.length; at++) {
    const channel = channels[transfers.channels[at]!]!;
    const number = numbers.get(channel.index) ?? 0;
    numbers.set(channel.index, number + 1);
    const microBatch = messageMicroBatch(channel, number);
    const { step, part } = plan.microBatches[microBatch]!;
    const startNs = transfers.startNs[at]! as Nanos;
    yield {
      action: messageKey(channel, number),
      device,
      stream,
      startNs,
      durationNs: (transfers.endNs[at]! - startNs) as Nanos,
      stage: channel.from,
      letter: channel.letter,
      microBatch,
      jobs: facts.jobs[microBatch]!,
      step,
      part,
      tokens: facts.tokens[microBatch]!,
      bytes: bytesOf[microBatch]!,
    };
  }
}

function* computeEvents(plan: PlanBody, facts: Facts, { stage, order, compute }: DeviceState): Generator<TraceEvent> {
  const { device } = plan.stages[stage]!;
  for (let at = 0; at < order.letters.length; at++) {
    const microBatch = order.microBatches[at]!;
    const { step, part } = plan.microBatches[microBatch]!;
    const startNs = compute.startNs[at]! as Nanos;
    yield {
      action: order.keys[at]!,
      device,
      stream: "compute",
      startNs,
      durationNs: (compute.endNs[at]! - startNs) as Nanos,
      stage,
      letter: PLANNED_LETTERS[order.letters[at]!]!,
      microBatch,
      jobs: facts.jobs[microBatch]!,
      step,
      part,
      tokens: facts.tokens[microBatch]!,
    };
  }
}

/**
 * Events of a finished run, each made when it is asked for. Device by device: received, computed, sent, each in order
 * of start.
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

/** Those of `traceEvents` on compute streams. */
export function* actionEvents(plan: PlanBody, run: Run): Generator<TraceEvent> {
  const facts = factsOf(plan);
  for (const state of run.devices) yield* computeEvents(plan, facts, state);
}
