import { type HalvingPlan, type HalvingState, type RungVerdict, startHalving, withJob, withResult } from "./halving.ts";

/** A verdict as it was written down. */
export interface PastVerdict extends Pick<RungVerdict, "kind" | "job" | "rung"> {
  /** The job's loss at the rung; null where that was not finite. */
  readonly loss: number | null;
}

/** A loss of a job after so many iterations, from 1. */
export interface KnownLoss {
  readonly iteration: number;
  readonly loss: number;
}

const STANDINGS = { "go-on": "training", pause: "paused", stop: "stopped" } as const;

/**
 * Halving as it was when it had given these verdicts, in their order. `losses`: of a job, those that are still known, in
 * order; what it lost up to a rung where it has a verdict counts no more, and what from the next one on is not yet told.
 */
export function restoredHalving(
  plan: HalvingPlan,
  verdicts: readonly PastVerdict[],
  losses: (job: number) => readonly KnownLoss[],
): HalvingState {
  let state = startHalving(plan);
  for (const { job, rung, kind, loss } of verdicts) {
    const known = state.results[rung];
    if (loss !== null && known?.every((result) => result.job !== job)) state = withResult(state, rung, { job, loss });
    state = withJob(state, job, { rung: kind === "go-on" ? rung + 1 : rung, standing: STANDINGS[kind], recent: [] });
  }
  const jobs = state.jobs.map((own, job) => {
    if (own.standing !== "training") return own;
    const since = passedAt(plan, job, own.rung);
    const next = nextAt(plan, job, own.rung);
    const later = losses(job).filter(({ iteration }) => iteration > since && iteration < next);
    return { ...own, recent: later.slice(-plan.over).map(({ loss }) => loss) };
  });
  return { ...state, jobs };
}

/** Iterations at which a job comes to a rung; infinite behind the last. */
export function nextAt({ rungs }: HalvingPlan, job: number, rung: number): number {
  return rungs[job]![rung] ?? Number.POSITIVE_INFINITY;
}

/** Iterations at which a job came to the rung before; 0 before the first. */
export function passedAt({ rungs }: HalvingPlan, job: number, rung: number): number {
  return rung === 0 ? 0 : rungs[job]![rung - 1]!;
}
