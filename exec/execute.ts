import { sum } from "../core/index.ts";
import { comparesWithStart, type PlanBody, planSegments, type Work } from "../plan/index.ts";
import { adapterDivergence, type Divergence } from "./divergence.ts";
import { type PastLosses, watchOf } from "./early-stops.ts";
import type { BestEvaluation, EvaluationMetrics } from "./evaluations.ts";
import { executedTrace, type SeenAction, type SeenLoss } from "./executed-trace.ts";
import type { ExecuteInput, ExecuteResult } from "./execution.ts";
import type { JobInput } from "./job-input.ts";
import type { JobState } from "./job-states.ts";
import type { AdapterPair } from "./peft.ts";
import { productsOf } from "./products.ts";
import { profileOf } from "./record-completions.ts";
import type { EarlyStop } from "./run-event.ts";
import { Session } from "./session.ts";
import { localHost } from "./stage-host.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** Actions ahead at which no segment is appended. */
const AHEAD = 2048;

const NOBODY: ReadonlySet<number> = new Set();
const NOTHING_PAST: PastLosses = { metrics: [], evaluations: [] };

/** The work of a closed plan: what appends as much of it as a session has not enough of. */
function plannedWork(input: ExecuteInput): (session: Session) => void {
  const { plan, rows, start, from = [], past = NOTHING_PAST, stopped, actionsAhead = AHEAD } = input;
  const segments: Iterator<Work, undefined> = planSegments(plan)[Symbol.iterator]();
  let nextJob = 0;
  return (session) => {
    while (session.numAhead < actionsAhead) {
      const { value: work } = segments.next();
      if (work === undefined) return session.close();
      const firstJob = nextJob;
      nextJob += work.jobs.length;
      const inputs = work.jobs.map((_, i): JobInput => {
        const job = firstJob + i;
        const known = from[job];
        const first = { parameters: start[job]! };
        const reference = comparesWithStart(work.jobs[i]!.loss) ? first : undefined;
        const told = { rows: rows[job]!, start: known?.state ?? first, reference, best: known?.best };
        return stopped?.has(job) === true
          ? { ...told, isStopped: true }
          : { ...told, watch: watchOf(work.jobs[i]!, past) };
      });
      session.append(work, inputs);
    }
  };
}

/**
 * Runs a plan's actions in the plan's order on this machine's devices.
 * @throws DeviceError when a device cannot do what the plan asks for; where those of other pipelines went on, once they
 * have ended.
 */
export async function executePlan(input: ExecuteInput): Promise<ExecuteResult> {
  const {
    plan,
    versions,
    rows: _rows,
    start: _start,
    from: _from,
    actionsAhead: _ahead,
    past: _past,
    stopped: stoppedBefore = NOBODY,
    host: given,
    onEvent = () => {},
    ...options
  } = input;
  using host = given ?? localHost();
  const completions: SeenAction[] = [];
  const losses: SeenLoss[] = [];
  const metrics: StepMetrics[] = [];
  const evaluations: EvaluationMetrics[] = [];
  const ended = new Map<number, readonly AdapterPair[]>();
  const best = new Map<number, BestEvaluation | undefined>();
  const diverged = new Map<number, Divergence>();
  const stops = new Map<number, EarlyStop>();
  const diverge = (job: number, divergence: Divergence | undefined): void => {
    if (divergence === undefined || diverged.has(job)) return;
    diverged.set(job, divergence);
    onEvent({ kind: "diverged", job, divergence });
  };
  const feed = plannedWork(input);
  const totalActions = sum(plan.actions.map((order) => order.length));
  const session: Session = await Session.open(host, {
    ...options,
    setting: plan,
    onEvent(event) {
      switch (event.kind) {
        case "stepped":
          losses.push({ job: event.metrics.job, value: event.metrics.loss, timeNs: event.endNs });
          metrics.push(event.metrics);
          break;
        case "evaluated":
          evaluations.push(event.metrics);
          break;
        case "completed":
          // JavaScript runs on the devices' cores: the trace is made of these when the run has ended.
          for (const each of event.batch) completions.push(each);
          feed(session);
          break;
        case "progressed": {
          // Segments come while the run goes on, but how many actions there are is known.
          const all = session.hasEndedEarly ? event.progress.totalActions : totalActions;
          return onEvent({ ...event, progress: { ...event.progress, totalActions: all } });
        }
        case "diverged":
          return diverge(event.job, event.divergence);
        case "lost":
          onEvent(event);
          // What the others have ahead is less than it was.
          return feed(session);
        case "ended":
          diverge(event.job, adapterDivergence(event.stopped?.step ?? plan.jobs[event.job]!.steps - 1, event.adapter));
          if (event.stopped !== undefined) stops.set(event.job, event.stopped);
          ended.set(event.job, event.adapter);
          best.set(event.job, event.best);
          break;
      }
      return onEvent(event);
    },
  });
  feed(session);
  await session.run();
  // Who asked for an end when all had begun gets the plan's.
  const isOver = (job: number): boolean => ended.has(job) || diverged.has(job) || stoppedBefore.has(job);
  const endedEarly = session.hasEndedEarly && plan.jobs.some((_, job) => !isOver(job));
  if (endedEarly) {
    const states = await statesNow(plan, session, metrics, isOver);
    for (const [job, { step, state }] of states) diverge(job, adapterDivergence(step - 1, state.parameters));
    onEvent({ kind: "states", states: new Map([...states].filter(([job]) => !diverged.has(job))) });
  }
  for (const { error } of session.lost) throw error;
  const { runners } = session;
  const last = lastSteps(plan, diverged, stops, stoppedBefore);
  return {
    trace: executedTrace({
      plan,
      runners,
      staticBytes: runners.map(({ device }, stage) => staticBytes(plan, device.statistics().memory.peakBytes, stage)),
      versions,
      completions,
      losses,
      originNs: session.originNs,
      lastSteps: last,
      samples: runners.map(({ device }) => device.takeSpeedSamples()),
    }),
    metrics,
    evaluations,
    profiles: completions.flatMap(profileOf),
    endedEarly,
    diverged: plan.jobs.map((_, job) => diverged.get(job)),
    stopped: plan.jobs.map((_, job) => stops.get(job)),
    lastSteps: last,
    adapters: await Promise.all(plan.jobs.map((_, job) => ended.get(job) ?? session.adapterOf(job))),
    best: plan.jobs.map((_, job) => best.get(job) ?? session.bestOf(job)),
    clocks: host.clocks,
    products: productsOf(runners.map(({ device }) => device)),
    operators: runners.map((runner) => runner.operators),
    statistics: runners.map(({ device }) => device.statistics()),
  };
}

/** By job that has trained no further, its last step, from 0. */
function lastSteps(
  { jobs }: PlanBody,
  diverged: ReadonlyMap<number, Divergence>,
  stops: ReadonlyMap<number, EarlyStop>,
  before: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const last = [...diverged, ...stops].map(([job, { step }]) => [job, step] as const);
  return new Map([...last, ...[...before].map((job) => [job, (jobs[job]!.firstStep ?? 0) - 1] as const)]);
}

/** What there is of the jobs that have made a step and are not over, once nothing is queued; not of those that are lost. */
async function statesNow(
  { jobs }: PlanBody,
  session: Session,
  metrics: readonly StepMetrics[],
  isOver: (job: number) => boolean,
): Promise<ReadonlyMap<number, JobState>> {
  const lost = new Set(session.lost.flatMap((each) => each.jobs));
  const lastSteps = new Map(metrics.map(({ job, step }) => [job, step]));
  const states = new Map<number, JobState>();
  for (const [job, { name }] of jobs.entries()) {
    const last = lastSteps.get(name);
    if (last === undefined || isOver(job) || lost.has(job)) continue;
    states.set(job, { step: last + 1, state: await session.stateNow(job), best: session.bestOf(job) });
  }
  return states;
}

/**
 * All that a device held at most but its activation slots: its first runs bring the matrix products' scratch, and
 * adapters come and go.
 */
function staticBytes(plan: PlanBody, peakBytes: number, stage: number): number {
  return peakBytes - plan.memory[stage]!.activations;
}
