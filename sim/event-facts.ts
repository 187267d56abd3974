import type { Nanos } from "../core/index.ts";
import {
  type ActionKey,
  type ActionLetter,
  activeJobs,
  microBatchJobs,
  microBatchTokens,
  type PlanBody,
} from "../plan/index.ts";
import type { Stream, TraceEvent } from "../traces/index.ts";

/** An event before the facts of its micro-batch are added. */
export interface BareEvent {
  readonly action: ActionKey;
  /** Stage of the action. */
  readonly stage: number;
  /** Stage on whose device the event is. */
  readonly at: number;
  readonly letter: ActionLetter;
  readonly microBatch: number;
  readonly stream: Stream;
  readonly startNs: Nanos;
  readonly endNs: Nanos;
}

export interface EventFacts {
  /** Size of a micro-batch's activations, and of its gradients. */
  messageBytes(microBatch: number): number;
  /** An update is of all jobs that train in its step and processes no tokens. */
  complete(event: BareEvent): TraceEvent;
}

/** What each micro-batch adds to its events, looked up once. */
export function eventFacts(plan: PlanBody): EventFacts {
  const { jobs, microBatches, model, stages } = plan;
  const bytesPerToken = model.architecture.hiddenSize * (model.dtype === "bfloat16" ? 2 : 4);
  const tokens = Float64Array.from(microBatches, microBatchTokens);
  const namesOf = microBatches.map((microBatch) => microBatchJobs(microBatch, jobs));
  const updatedNames = new Map<number, readonly string[]>();
  const updated = (microBatch: number): readonly string[] => {
    const { group, step } = microBatches[microBatch]!;
    const names = updatedNames.get(microBatch) ?? activeJobs(plan, group, step).map((job) => jobs[job]!.name);
    updatedNames.set(microBatch, names);
    return names;
  };
  return {
    messageBytes: (microBatch) => tokens[microBatch]! * bytesPerToken,
    complete({ action, stage, at, letter, microBatch, stream, startNs, endNs }) {
      const { step, part } = microBatches[microBatch]!;
      const isUpdate = letter === "U";
      const event = {
        action,
        device: stages[at]!.device,
        stream,
        startNs,
        durationNs: (endNs - startNs) as Nanos,
        stage,
        letter,
        microBatch,
        jobs: isUpdate ? updated(microBatch) : namesOf[microBatch]!,
        step,
        part,
        tokens: isUpdate ? 0 : tokens[microBatch]!,
      };
      return stream === "compute" ? event : { ...event, bytes: tokens[microBatch]! * bytesPerToken };
    },
  };
}
