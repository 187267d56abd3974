import type { AdapterState } from "../../exec/index.ts";
import {
  CUT_OFF,
  type Decision,
  type FleetEvent,
  type FleetWork,
  type Job,
  type JobBudgets,
  type JobRequest,
  type LossWatch,
  ONLY_NOT_FINITE,
  type StoppedBy,
  startWatch,
  stoppingOptions,
  workFacts,
} from "../../plan/index.ts";
import type { LiveJob, LiveSubmission } from "./live-job.ts";

/** What a live fleet keeps of a job. */
export type KeptJob = { -readonly [K in keyof LiveJob]: LiveJob[K] } & {
  /** Of a job that is on no device. */
  state: AdapterState | undefined;
  /** What its losses say so far. */
  watch: LossWatch;
  /** Whether a step of it was not finite: its adapter is worth nothing. */
  isDiverged: boolean;
  /** What is to be decided on at the end of the iteration. */
  follows: readonly FleetEvent[];
  predicted: number;
  stoppedBy: StoppedBy | undefined;
  /** Whether it was decided on that somebody has paused it. */
  isHeld: boolean;
  /** Who has paused it: it trains when nobody does any more. */
  readonly pausedBy: Set<"user" | "halving">;
};

/** What is asked for with a job that comes at a time. */
export function jobRequest(
  { name, user = "", priority, deadlineSeconds }: Job,
  work: FleetWork,
  arrivalNs: number,
  budgets: JobBudgets,
): JobRequest {
  const { stepTokens: tokens } = workFacts(work);
  const deadlineNs = deadlineSeconds === undefined ? null : arrivalNs + Math.round(deadlineSeconds * 1e9);
  return { name, user, priority, arrivalNs, deadlineNs, iterations: work.job.steps, tokens, ...budgets };
}

/** A job that comes. */
export function newKeptJob(number: number, { job }: Pick<LiveSubmission, "job">, request: JobRequest): KeptJob {
  const { priority, arrivalNs, deadlineNs, iterations } = request;
  return {
    number,
    job,
    standing: "waiting",
    priority,
    done: 0,
    iterations,
    pipeline: undefined,
    arrivalNs,
    deadlineNs,
    startNs: undefined,
    endNs: undefined,
    loss: undefined,
    evaluationLoss: undefined,
    best: undefined,
    why: "nobody has decided about it yet",
    adapter: undefined,
    bestAdapter: undefined,
    state: undefined,
    watch: startWatch({
      options: stoppingOptions(job) ?? ONLY_NOT_FINITE,
      steps: iterations,
      optimizer: job.optimizer,
    }),
    isDiverged: false,
    follows: [],
    predicted: iterations,
    stoppedBy: undefined,
    isHeld: false,
    pausedBy: new Set(),
  };
}

/** What is kept of the losses of jobs that are over: nothing, once for all of them. */
const OF_JOBS_THAT_ARE_OVER = startWatch({ options: ONLY_NOT_FINITE, steps: 1 });

/** A job is over: nobody judges its losses any more. */
export function forgetLosses(kept: KeptJob): void {
  kept.watch = OF_JOBS_THAT_ARE_OVER;
  kept.follows = [];
}

/** An event that was decided on. */
export function keepEvent(kept: KeptJob, event: FleetEvent, atNs: number): void {
  switch (event.kind) {
    case "progress":
      kept.done = event.done;
      return;
    case "restored":
      Object.assign(kept, { done: event.done, pipeline: undefined, endNs: undefined });
      // Nearer by the time in which the fleet stood still.
      kept.deadlineNs = event.request.deadlineNs;
      if (event.done === 0) kept.startNs = undefined;
      Object.assign(kept, { stoppedBy: undefined, isHeld: false, why: CUT_OFF });
      kept.standing = event.done > 0 ? "preempted" : "waiting";
      return;
    case "pause":
      kept.isHeld = true;
      if (kept.pipeline === undefined) kept.standing = "paused";
      return;
    case "unpause":
      kept.isHeld = false;
      if (kept.standing === "paused") kept.standing = kept.done > 0 ? "preempted" : "waiting";
      return;
    case "stop":
      kept.stoppedBy = event.by;
      return;
    case "ended":
      Object.assign(kept, { endNs: atNs, why: "it has trained all iterations" });
      return;
    case "arrived":
    case "priority":
    case "measured":
    case "predicted":
      return;
  }
}

/** What was decided of it. */
export function keepDecision(kept: KeptJob, { kind, pipeline, why }: Decision, atNs: number): void {
  kept.why = why;
  switch (kind) {
    case "start":
    case "resume":
      kept.startNs ??= atNs;
      Object.assign(kept, { standing: "running", pipeline, state: undefined });
      return;
    case "leave":
      kept.standing = "leaving";
      return;
    case "stay":
      kept.standing = "running";
      return;
    case "preempt":
      Object.assign(kept, { standing: kept.isHeld ? "paused" : "preempted", pipeline: undefined });
      return;
    case "stop":
    case "refuse":
      Object.assign(kept, { pipeline: undefined, endNs: atNs });
      kept.standing = kind === "refuse" ? "refused" : kept.stoppedBy === "user" ? "cancelled" : "stopped";
      return;
  }
}
