import { InvariantError } from "../../core/index.ts";
import { goesOnWhy, lossText, pausesWhy, type Ranked, stopsWhy } from "./verdict-reasons.ts";

/** Jobs that are compared with each other, and when. */
export interface HalvingPlan {
  /**
   * Of each job the iterations at which it is compared, ascending, and as many for every job: those at which all have
   * seen the same data.
   */
  readonly rungs: readonly (readonly number[])[];
  /** The best of every so many go on. */
  readonly eta: number;
  /** So many go on at least, so that the last of them are compared by their ends. */
  readonly keep: number;
  /** Iterations up to a rung whose mean loss counts there. */
  readonly over: number;
  /** Whether a rung lets go on exactly the best of all that reach it, instead of the best so far. */
  readonly synchronous: boolean;
}

interface JobState {
  /** The next rung that it comes to, or waits at. */
  readonly rung: number;
  readonly standing: "training" | "paused" | "stopped" | "gone";
  /** Its last losses, at most `over`. */
  readonly recent: readonly number[];
}

/** A job's loss at a rung. */
interface Result {
  readonly job: number;
  readonly loss: number;
}

/** JSON. */
export interface HalvingState {
  readonly jobs: readonly JobState[];
  /** By rung, the smallest loss first. */
  readonly results: readonly (readonly Result[])[];
}

/** What has happened to a job, by its place in the plan. `gone`: it has ended, or somebody else ended it. */
export type HalvingEvent =
  | { readonly kind: "loss"; readonly job: number; readonly iteration: number; readonly loss: number }
  | { readonly kind: "gone"; readonly job: number };

/** What a job is to do at a rung. `go-on`: it trains on, or may train again where it was paused there. */
export interface RungVerdict {
  readonly kind: "go-on" | "pause" | "stop";
  readonly job: number;
  readonly rung: number;
  /** Whether it was told to pause at this rung before. */
  readonly wasPaused: boolean;
  /** Its loss there; not finite where that is why it stops. */
  readonly loss: number;
  /** "12th of 16 at 50 iterations: loss 2.310, 8 go on, and the 8th has 2.050" */
  readonly why: string;
}

export interface HalvingStep {
  readonly state: HalvingState;
  readonly verdicts: readonly RungVerdict[];
}

export function startHalving({ rungs }: HalvingPlan): HalvingState {
  return {
    jobs: rungs.map(() => ({ rung: 0, standing: "training", recent: [] })),
    results: (rungs[0] ?? []).map(() => []),
  };
}

export function withJob(state: HalvingState, job: number, own: Partial<JobState>): HalvingState {
  return { ...state, jobs: state.jobs.with(job, { ...state.jobs[job]!, ...own }) };
}

/** The smaller loss first, and of equal ones the job that stands first in the plan. */
export function withResult(state: HalvingState, rung: number, result: Result): HalvingState {
  const sorted = [...state.results[rung]!, result].sort((a, b) => a.loss - b.loss || a.job - b.job);
  return { ...state, results: state.results.with(rung, sorted) };
}

/** Jobs that may still come to a rung. */
function pendingAt({ jobs }: HalvingState, rung: number): number {
  const isOnTheWay = ({ standing, rung: next }: JobState): boolean =>
    (standing === "training" && next <= rung) || (standing === "paused" && next < rung);
  return jobs.filter(isOnTheWay).length;
}

/**
 * What is certain, or asynchronous halving allows, of the jobs that wait at a rung. A job goes on among the best
 * 1 / eta of those that have come so far (Li et al., arXiv 1810.05934, algorithm 2), or where those that may still come
 * cannot keep it from it. It stops where it cannot be among the best 1 / eta of all that may come.
 */
function settleRung(plan: HalvingPlan, state: HalvingState, rung: number): HalvingStep {
  const results = state.results[rung]!;
  const pending = pendingAt(state, rung);
  const keep = Math.max(plan.keep, Math.floor((results.length + pending) / plan.eta));
  const keepSoFar = plan.synchronous ? 0 : Math.floor(results.length / plan.eta);
  let now = state;
  const verdicts = results.flatMap(({ job, loss }, place): readonly RungVerdict[] => {
    const own = state.jobs[job]!;
    if (own.standing !== "paused" || own.rung !== rung) return [];
    const ranked: Ranked = { place, count: results.length, iterations: plan.rungs[job]![rung]!, loss };
    const about = { job, rung, wasPaused: true, loss };
    if (place < keepSoFar || place + pending < keep) {
      now = withJob(now, job, { standing: "training", rung: rung + 1 });
      return [{ kind: "go-on", ...about, why: goesOnWhy(ranked, Math.max(keepSoFar, keep)) }];
    }
    if (place < keep) return [];
    now = withJob(now, job, { standing: "stopped", recent: [] });
    return [{ kind: "stop", ...about, why: stopsWhy(ranked, keep, results[keep - 1]!.loss) }];
  });
  return { state: now, verdicts };
}

/** What is certain of all that wait, from the first rung on: who stops at one comes to no later one. */
export function settle(plan: HalvingPlan, state: HalvingState): HalvingStep {
  let now = state;
  const verdicts: RungVerdict[] = [];
  state.results.forEach((_, rung) => {
    const step = settleRung(plan, now, rung);
    now = step.state;
    verdicts.push(...step.verdicts);
  });
  return { state: now, verdicts };
}

/** A job that is gone does not take the place of one that waits beside it. */
function leave(state: HalvingState, job: number): HalvingState {
  const { standing, rung } = state.jobs[job]!;
  const gone = withJob(state, job, { standing: "gone", recent: [] });
  if (standing !== "paused") return gone;
  const others = state.results[rung]!.filter((result) => result.job !== job);
  return { ...gone, results: state.results.with(rung, others) };
}

function meanOf(losses: readonly number[]): number {
  return losses.reduce((total, loss) => total + loss, 0) / losses.length;
}

/** A job has come to a rung: its own verdict first, then those on others that its coming decides. */
function ofReport(plan: HalvingPlan, state: HalvingState, job: number, rung: number, loss: number): HalvingStep {
  const there = withResult(withJob(state, job, { standing: "paused", recent: [] }), rung, { job, loss });
  const settled = settle(plan, there);
  const own = settled.verdicts.find((verdict) => verdict.job === job && verdict.rung === rung);
  const others = settled.verdicts.filter((verdict) => verdict !== own);
  if (own !== undefined) return { state: settled.state, verdicts: [{ ...own, wasPaused: false }, ...others] };
  const results = settled.state.results[rung]!;
  const place = results.findIndex((result) => result.job === job);
  const why = pausesWhy({ place, count: results.length, iterations: plan.rungs[job]![rung]!, loss });
  return { state: settled.state, verdicts: [{ kind: "pause", job, rung, wasPaused: false, loss, why }, ...others] };
}

/**
 * Successive halving as a machine that is told losses as they come: at each rung a job goes on, pauses until enough of
 * its peers have come, or stops. Every job's verdict comes at the latest when all others have come or are gone, so that
 * nobody waits for ever. The same events give the same verdicts.
 * @throws InvariantError for a job that is not there
 */
export function halvingStep(plan: HalvingPlan, state: HalvingState, event: HalvingEvent): HalvingStep {
  const { job } = event;
  const own = state.jobs[job];
  if (own === undefined) throw new InvariantError({ expected: "a job of the sweep", got: job });
  const isOver = own.standing === "stopped" || own.standing === "gone";
  if (isOver) return { state, verdicts: [] };
  if (event.kind === "gone") return settle(plan, leave(state, job));
  // One that is paused trains the iterations to the end that it has begun.
  if (own.standing === "paused") return { state, verdicts: [] };
  const { iteration, loss } = event;
  if (!Number.isFinite(loss)) {
    const settled = settle(plan, withJob(state, job, { standing: "stopped", recent: [] }));
    const why = `its loss is ${lossText(loss)} at ${iteration} iterations`;
    const stop: RungVerdict = { kind: "stop", job, rung: own.rung, wasPaused: false, loss, why };
    return { state: settled.state, verdicts: [stop, ...settled.verdicts] };
  }
  const recent = [...own.recent, loss].slice(-plan.over);
  const rung = own.rung;
  const at = plan.rungs[job]![rung];
  if (at === undefined || iteration < at) return { state: withJob(state, job, { recent }), verdicts: [] };
  return ofReport(plan, state, job, rung, meanOf(recent));
}
