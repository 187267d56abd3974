import type { SpeedSample } from "../native/index.ts";
import type { JobShare, JournalLine, Segment } from "../plan/index.ts";
import type { AdapterState } from "./adapters.ts";
import type { Divergence } from "./divergence.ts";
import type { BestEvaluation, Evaluated } from "./evaluations.ts";
import type { SeenAction } from "./executed-trace.ts";
import type { JobState } from "./job-states.ts";
import type { LostPipeline } from "./lost-pipeline.ts";
import type { AdapterPair } from "./peft.ts";
import type { JobSample } from "./samples.ts";
import type { StepMetrics } from "./step-metrics.ts";

export interface Progress {
  readonly doneActions: number;
  /** Tokens of the micro-batches whose backward has left the first stage of their pipeline. */
  readonly tokens: number;
  /** Since the first action began. */
  readonly seconds: number;
}

/** `totalActions` are those of the plan, or fewer once the run is to end early. */
export type RunProgress = Progress & { readonly totalActions: number };

/** Why a job of a plan was ended before its last step. */
export interface EarlyStop {
  /** The last step that it has made, from 0. */
  readonly step: number;
  readonly why: string;
}

/** A job that leaves its devices: for a while, or for good before its last iteration. */
export interface TakenJob {
  readonly state: AdapterState;
  readonly isOver: boolean;
  /** The best of it so far, if it was evaluated. */
  readonly best: BestEvaluation | undefined;
}

/**
 * What an execution tells, in the order in which it happens. Jobs by number: of the plan, or of the fleet. Whoever throws
 * ends the run.
 */
export type RunEvent =
  /** All weights are loaded, and nothing is trained yet. `weights`: their digest. */
  | { readonly kind: "loaded"; readonly weights: string }
  /** The first action may begin. */
  | { readonly kind: "ready" }
  /** Of jobs over time: a decision, and the work that follows from it. */
  | { readonly kind: "decided"; readonly line: JournalLine }
  | { readonly kind: "planned"; readonly segment: Segment }
  /** `endNs`: when the step ended, on the clock of the completions. */
  | { readonly kind: "stepped"; readonly metrics: StepMetrics; readonly endNs: number }
  | ({ readonly kind: "evaluated" } & Evaluated)
  /** Prompts of a job were answered. */
  | { readonly kind: "sampled"; readonly sample: JobSample }
  /** What jobs have taken of devices, in front of all else that follows from what these have reported. */
  | { readonly kind: "spent"; readonly shares: readonly JobShare[] }
  /** What the devices have reported; more segments may be appended then. */
  | { readonly kind: "completed"; readonly batch: readonly SeenAction[] }
  /** Of jobs over time, about every second where it was asked for: the speed of a stage's device between its actions. */
  | { readonly kind: "speeds"; readonly stage: number; readonly samples: readonly SpeedSample[] }
  | { readonly kind: "progressed"; readonly progress: RunProgress }
  /** A job was stopped: no step of it is told any more, and its adapter is worth nothing. It ends as planned. */
  | { readonly kind: "diverged"; readonly job: number; readonly divergence: Divergence }
  /**
   * A job has ended while others go on. `adapter`: all layers; `best`: if it was evaluated; `stopped`: if it was before its
   * last step.
   */
  | {
      readonly kind: "ended";
      readonly job: number;
      readonly adapter: readonly AdapterPair[];
      readonly best: BestEvaluation | undefined;
      readonly stopped?: EarlyStop;
    }
  | ({ readonly kind: "taken"; readonly job: number } & TakenJob)
  /**
   * States of the jobs that have made a step, in job order, each at a step of its own: behind what was queued when they
   * were wanted, at the steps that are wanted of each, and at the end of a run that was ended early.
   */
  | { readonly kind: "states"; readonly states: ReadonlyMap<number, JobState> }
  /** Devices of a pipeline have stopped: the run fails once the others have ended. */
  | { readonly kind: "lost"; readonly lost: LostPipeline };

export type RunListener = (event: RunEvent) => void;

type Handlers = { readonly [Kind in RunEvent["kind"]]?: (event: Extract<RunEvent, { kind: Kind }>) => void };

/** A listener that hears some kinds of events. */
export function listener(handlers: Handlers): RunListener {
  return (event) => (handlers[event.kind] as RunListener | undefined)?.(event);
}

/** All of them, in this order. */
export function listeners(all: readonly RunListener[]): RunListener {
  return (event) => {
    for (const each of all) each(event);
  };
}
