import type { Nanos } from "../core/index.ts";
import {
  type ActionKey,
  type ActionLetter,
  type CostModel,
  microBatchJobs,
  microBatchTokens,
  type PlanBody,
} from "../plan/index.ts";
import type { Stream, Trace, TraceEvent } from "../traces/index.ts";
import { messageKey, messageMicroBatch } from "./channel.ts";
import type { TransferStream } from "./device.ts";
import { messageBytes } from "./message-bytes.ts";
import { type Run, runPlan } from "./run-plan.ts";

export interface SimulateOptions {
  readonly plan: PlanBody;
  /** "" for a draft that is not hashed yet. */
  readonly planHash: string;
  readonly costModel: CostModel;
  /** The calibration behind `costModel`; the plan's own when absent. */
  readonly calibrationHash?: string;
  readonly versions?: Readonly<Record<string, string>>;
}

/** Events device by device: received, computed, sent, each in order of start. */
function traceEvents(plan: PlanBody, { devices, channels }: Run): readonly TraceEvent[] {
  const { jobs, microBatches, stages } = plan;
  const bytesOf = messageBytes(plan);
  const tokensOf = microBatches.map(microBatchTokens);
  const namesOf = microBatches.map((microBatch) => microBatchJobs(microBatch, jobs));
  const events: TraceEvent[] = [];

  const addTransfers = (transfers: TransferStream, stream: Stream, device: number): void => {
    for (let at = 0; at < transfers.channels.length; at++) {
      const channel = channels[transfers.channels[at]!]!;
      const number = transfers.numbers[at]!;
      const microBatch = messageMicroBatch(channel, number);
      const { step, part } = microBatches[microBatch]!;
      const startNs = transfers.startNs[at]! as Nanos;
      events.push({
        action: messageKey(channel, number),
        device,
        stream,
        startNs,
        durationNs: (transfers.endNs[at]! - startNs) as Nanos,
        stage: channel.from,
        letter: channel.letter,
        microBatch,
        jobs: namesOf[microBatch]!,
        step,
        part,
        tokens: tokensOf[microBatch]!,
        bytes: bytesOf[microBatch]!,
      });
    }
  };

  const addCompute = (
    action: ActionKey,
    letter: ActionLetter,
    microBatch: number,
    startNs: Nanos,
    endNs: Nanos,
    stage: number,
  ): void => {
    const { step, part } = microBatches[microBatch]!;
    events.push({
      action,
      device: stages[stage]!.device,
      stream: "compute",
      startNs,
      durationNs: (endNs - startNs) as Nanos,
      stage,
      letter,
      microBatch,
      jobs: namesOf[microBatch]!,
      step,
      part,
      tokens: tokensOf[microBatch]!,
    });
  };

  for (const { stage, order, receive, compute, send } of devices) {
    const { device } = stages[stage]!;
    addTransfers(receive, "receive", device);
    for (let at = 0; at < order.keys.length; at++) {
      addCompute(
        order.keys[at]!,
        order.letters[at]!,
        order.microBatches[at]!,
        compute.startNs[at]! as Nanos,
        compute.endNs[at]! as Nanos,
        stage,
      );
    }
    addTransfers(send, "send", device);
  }
  return events;
}

/**
 * Runs a plan in virtual time and returns what happened. Durations come from the cost model alone, rounded once.
 * @throws PlanError when no action can go on and some are left.
 */
export function simulate({
  plan,
  planHash,
  costModel,
  calibrationHash = plan.calibrationHash,
  versions = {},
}: SimulateOptions): Trace {
  return runTrace(plan, runPlan(plan, costModel), { planHash, calibrationHash, versions });
}

/** A finished run as a trace. */
export function runTrace(
  plan: PlanBody,
  run: Run,
  facts: Pick<Trace, "planHash" | "calibrationHash" | "versions">,
): Trace {
  return {
    source: "simulated",
    ...facts,
    devices: plan.devices.map((device) => device.name),
    events: traceEvents(plan, run),
    counters: run.devices.flatMap((device) => device.memory.samples()),
  };
}
