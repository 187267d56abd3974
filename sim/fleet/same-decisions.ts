import { InvariantError, median } from "../../core/index.ts";
import {
  type ActionDurations,
  actionDurations,
  type CostModel,
  fleetPlanBody,
  type JournalLine,
  type MicroBatch,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
  type Segment,
  type Setting,
} from "../../plan/index.ts";
import { PlanRun } from "../run/plan-run.ts";
import { deviceTimes } from "../run/run-plan.ts";

/** A fleet that was executed, with all of its plan as it grew. */
export interface GrownFleet {
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly segments: readonly Segment[];
  readonly journal: readonly JournalLine[];
  /** What each action took, and each message beside its bytes, in place of what is predicted; as predicted when absent. */
  readonly times?: { readonly action: ActionDurations; readonly message: ActionDurations } | undefined;
  /** From the first job's coming until its first action began: JavaScript's engine is slow at first. 0 when absent. */
  readonly firstNs?: number | undefined;
}

/** The first micro-batch of an iteration, and the action on its pipeline's first stage that ends it. */
interface Iteration {
  readonly microBatch: number;
  readonly stage: number;
  end: string;
}

/** By job and how many iterations it has made with it: "3 12". */
type Iterations = ReadonlyMap<string, Iteration>;

function iterationsOf(plan: PlanBody, journal: readonly JournalLine[]): Iterations {
  const numbers = new Map(
    journal.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === "arrived" ? [[event.request.name, event.number] as const] : [])),
    ),
  );
  const iterations = new Map<string, Iteration>();
  const add = ({ index, group, step, evaluation }: MicroBatch): void => {
    const { pipeline, members } = plan.groups[group]!;
    const { firstStage: stage } = plan.pipelines[pipeline]!;
    const end = `${evaluation === true ? "E" : "U"}${index}`;
    for (const { job, firstStep, endStep } of members) {
      if (firstStep + step >= endStep) continue;
      const key = `${numbers.get(plan.jobs[job]!.name)} ${firstStep + step + 1}`;
      const known = iterations.get(key);
      if (known === undefined) iterations.set(key, { microBatch: index, stage, end });
      else known.end = end;
    }
  };
  for (const microBatch of plan.microBatches) add(microBatch);
  return iterations;
}

/** The iteration whose end a line of the journal was decided at; undefined where no pipeline ended one. */
function endedWith({ events }: JournalLine, endOf: (key: string) => number): string | undefined {
  const over = new Set(events.flatMap(({ kind, number }) => (kind === "ended" ? [number] : [])));
  const told = events.flatMap((event) => (event.kind === "progress" ? [event] : []));
  const keyOf = ({ number, done }: (typeof told)[number]): string => `${number} ${done}`;
  const own = told.find(({ number, between }) => between || over.has(number));
  if (own !== undefined) return keyOf(own);
  return told.map(keyOf).reduce<string | undefined>((last, key) => {
    return last === undefined || endOf(key) > endOf(last) ? key : last;
  }, undefined);
}

/**
 * Whoever begins with a line waits for what it was decided on: its own arrival, what came from outside, or what another
 * pipeline ended; and for its own last iteration. On its own pipeline it is behind these in the plan's order.
 */
function starts(plan: PlanBody, journal: readonly JournalLine[], iterations: Iterations) {
  const place = new Map(plan.microBatches.map(({ index }, at) => [index, at]));
  const after = new Map<number, readonly number[]>();
  const heldNs = new Map<number, number>();
  const done = new Map<number, number>();
  const arrivalNs = new Map<number, number>();
  for (const line of journal) {
    for (const event of line.events) {
      if (event.kind === "progress") done.set(event.number, event.done);
      else if (event.kind === "arrived") arrivalNs.set(event.number, event.request.arrivalNs);
    }
    const cause = endedWith(line, (key) => place.get(iterations.get(key)?.microBatch ?? -1) ?? -1);
    for (const { kind, number, pipeline } of line.decisions) {
      if (kind !== "start" && kind !== "resume") continue;
      const first = iterations.get(`${number} ${(done.get(number) ?? 0) + 1}`);
      if (first === undefined) continue;
      const trigger = cause === undefined ? undefined : iterations.get(cause);
      heldNs.set(first.microBatch, trigger === undefined ? line.atNs : (arrivalNs.get(number) ?? 0));
      const others = [trigger, iterations.get(`${number} ${done.get(number)}`)].flatMap((iteration) =>
        iteration === undefined || iteration.stage === plan.pipelines[pipeline!]!.firstStage
          ? []
          : [parseAction(`${iteration.stage}${iteration.end}`).microBatch],
      );
      after.set(first.microBatch, others);
    }
  }
  return { after, heldNs };
}

/** What the journal of a fleet says of times in its plan. */
export interface DecidedTimes {
  /** By micro-batch that a job begins with: before when it could not, in the fleet's time. */
  readonly heldNs: ReadonlyMap<number, number>;
  /** When the fleet's time was 0 on the clock of its actions' ends; undefined where no line tells. */
  readonly originNs: number | undefined;
}

/** `endNs`: when an action of the plan ended, if it has. */
export function decidedTimes(
  plan: PlanBody,
  journal: readonly JournalLine[],
  endNs: (action: string) => number | undefined,
): DecidedTimes {
  const iterations = iterationsOf(plan, journal);
  const endOf = (key: string): number => {
    const iteration = iterations.get(key);
    return (iteration && endNs(`${iteration.stage}${iteration.end}`)) ?? Number.NaN;
  };
  const origins = journal.flatMap((line) => {
    const key = endedWith(line, endOf);
    const ns = key === undefined ? Number.NaN : endOf(key) - line.atNs;
    return Number.isNaN(ns) ? [] : [ns];
  });
  const { heldNs } = starts(plan, journal, iterations);
  return { heldNs, originNs: origins.length === 0 ? undefined : median(origins) };
}

/** When each iteration ends, by job and number as `Iterations` has it. */
function endsIn(fleet: GrownFleet, plan: PlanBody, iterations: Iterations): ReadonlyMap<string, number> {
  const { setting, costs, journal, times } = fleet;
  const { after, heldNs } = starts(plan, journal, iterations);
  const { contention, ...own } = deviceTimes(costs);
  const slowed = contention === undefined ? {} : { contention };
  const run = new PlanRun(setting, {
    links: costs,
    ...own,
    ...(times === undefined ? slowed : { message: times.message }),
  });
  let { firstNs = 0 } = fleet;
  for (const [microBatch, untilNs] of heldNs) {
    run.starts.hold(microBatch, untilNs + firstNs);
    firstNs = 0;
  }
  const microBatches = plan.microBatches.map((each) => {
    const others = after.get(each.index) ?? [];
    return others.length === 0 ? each : { ...each, after: [...each.after, ...others] };
  });
  run.append({ ...plan, microBatches }, () => times?.action ?? actionDurations(plan, costs));
  const endNs = new Map<string, number>();
  for (const { stage, compute } of run.finish().devices)
    compute.endNs.forEach((ns, at) => {
      endNs.set(`${stage}${PLANNED_LETTERS[compute.letters[at]!]}${compute.microBatches[at]}`, ns);
    });
  return new Map([...iterations].map(([key, { stage, end }]) => [key, endNs.get(`${stage}${end}`)!]));
}

/**
 * An executed fleet in virtual time with the plan that its decisions made, action by action: the journal again, with the
 * times at which the simulator comes to each of its lines. What differs from the executed times is the simulator's own
 * doing, and that of the costs. States move in no time. Lines of iterations that the plan does not have are left out.
 * @throws InvariantError where the plan has no work
 */
export function withSameDecisions(fleet: GrownFleet): readonly JournalLine[] {
  const { setting, segments, journal } = fleet;
  const plan = fleetPlanBody(setting, segments);
  if (plan.microBatches.length === 0) throw new InvariantError({ expected: "a plan with work", got: "none" });
  const iterations = iterationsOf(plan, journal);
  const ends = endsIn(fleet, plan, iterations);
  const endOf = (key: string): number => ends.get(key) ?? Number.NaN;
  const again: JournalLine[] = [];
  let before: { readonly wasNs: number; readonly atNs: number } = { wasNs: -1, atNs: 0 };
  const lastOfJob = new Map<number, number>();
  for (const line of journal) {
    const key = endedWith(line, endOf);
    const own = key === undefined ? line.atNs : endOf(key);
    // Who leaves before its first iteration has ended none: that follows from the line before.
    const isAtOnce = line.atNs === before.wasNs;
    if (Number.isNaN(own) && !isAtOnce) continue;
    // Pipelines may come to their lines in another order; what came from outside, or of the line before, comes behind it,
    // and what is of a job behind that job's last line.
    const isBehind = key === undefined || isAtOnce;
    const jobs = [...line.events, ...line.decisions].map(({ number }) => number);
    const atNs = Math.max(own || 0, isBehind ? before.atNs : 0, ...jobs.map((job) => lastOfJob.get(job) ?? 0));
    for (const job of jobs) lastOfJob.set(job, atNs);
    before = { wasNs: line.atNs, atNs };
    again.push({ ...line, atNs });
  }
  return again;
}
