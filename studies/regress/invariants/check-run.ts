import { groupBy, sum } from "../../../core/index.ts";
import { figuresOf } from "../figures.ts";
import { type GoldenRun, outcomesOf, type SeenAction } from "../golden-run.ts";
import { type Asked, isPointOf } from "./asked.ts";
import { comparedFaults } from "./compared-run.ts";
import { fleetFaults, toldFleet } from "./fleet.ts";
import { grownFaults } from "./grown-run.ts";
import { overfullLinks } from "./links.ts";
import { plannedFaults, plannedRun, readAction } from "./planned-run.ts";
import { wrongWork } from "./work.ts";

/** Floating-point sums of the same times in another order. */
const SAME = 1e-9;

function lostJobs({ metrics }: GoldenRun, { names, sweeps }: Asked): readonly string[] {
  const told = metrics!.jobs.map(({ name }) => name);
  const absent = names.filter((name) => !told.includes(name));
  const open = outcomesOf(metrics!).filter(({ endNs, refused }) => endNs === undefined && !refused);
  const lost = [...absent, ...open.map(({ name }) => name)];
  const fewer = sweeps.flatMap((sweep) => {
    const number = told.filter((name) => isPointOf(sweep, name)).length;
    return number === sweep.numJobs ? [] : [`${sweep.name} has ${number} jobs, and asks for ${sweep.numJobs}`];
  });
  return [...(lost.length === 0 ? [] : [`a job is lost: ${lost.join(", ")} neither ends nor is refused`]), ...fewer];
}

function twoAtOnce(actions: readonly SeenAction[]): readonly string[] {
  const computed = actions.filter(({ stream }) => stream === "compute");
  for (const [device, own] of groupBy(computed, (action) => action.device)) {
    const inOrder = [...own].sort((a, b) => a.startNs - b.startNs || a.endNs - b.endNs);
    for (let at = 1; at < inOrder.length; at += 1)
      if (inOrder[at]!.startNs < inOrder[at - 1]!.endNs - 1)
        return [`${device} does two things at once: ${inOrder[at - 1]!.name} and ${inOrder[at]!.name}`];
  }
  return [];
}

/** Actions that are there twice, and forwards without a backward. */
function uneven(actions: readonly SeenAction[]): readonly string[] {
  const computed = actions.filter(({ stream }) => stream === "compute");
  const counts = groupBy(computed, ({ device, name }) => `${device} ${name}`);
  const twice = [...counts.values()].find((own) => own.length > 1);
  const number = (kind: string): number => computed.filter((action) => action.kind === kind).length;
  const [forwards, backwards] = [number("forward"), number("backward")];
  return [
    ...(twice === undefined
      ? []
      : [`an action is made ${twice.length} times: ${twice[0]!.name} on ${twice[0]!.device}`]),
    ...(forwards === backwards ? [] : [`${forwards} forwards and ${backwards} backwards`]),
  ];
}

/** Figures that depend on the order in which the jobs are written. */
function ordered(run: GoldenRun): readonly string[] {
  const { metrics, reversed } = run;
  if (metrics === null || reversed === null) return [];
  const [own, other] = [
    figuresOf({ ...run, plan: null }),
    figuresOf({ ...run, plan: null, journal: [], metrics: reversed }),
  ];
  for (const [name, value] of Object.entries(other))
    if (Math.abs(own[name]! - value) > SAME * Math.abs(value))
      return ["it depends on the order in which the jobs are written: ties are broken by it"];
  return [];
}

/** Actions that say of no stage, letter and micro-batch what they are. */
function unreadable(actions: readonly SeenAction[]): readonly string[] {
  const other = actions.find((action) => readAction(action) === undefined);
  return other === undefined ? [] : [`an action is called ${other.name}, which names no stage and micro-batch`];
}

/** What interruptions cost that is not the sum of its causes. */
function wrongInterruptions({ metrics }: GoldenRun): readonly string[] {
  const { totalSeconds, makespanSeconds, causes = {}, interruptions = 0, interrupted } = metrics!;
  if (totalSeconds === undefined) return [];
  const restarts = interruptions * (interrupted?.restartSeconds ?? 0);
  const isOther = (a: number, b: number): boolean => Math.abs(a - b) > 1e-6 * Math.max(1, b);
  const more = sum(Object.values(causes).map(({ seconds }) => seconds));
  return [
    ...(isOther(totalSeconds, makespanSeconds + more)
      ? [`${totalSeconds} s with interruptions, and their causes make ${makespanSeconds + more} s`]
      : []),
    ...(isOther(causes["restart"]?.seconds ?? 0, restarts)
      ? [`${interruptions} restarts are told to take ${causes["restart"]?.seconds} s, and take ${restarts} s`]
      : []),
  ];
}

/** Steps that each job over time has made, as its journal tells; of a plan none. */
function trainedSteps({ metrics, journal }: GoldenRun): ReadonlyMap<string, number> {
  return new Map(journal.length === 0 ? [] : outcomesOf(metrics!).map(({ name, iterations }) => [name, iterations]));
}

/** Runs of one revision that differ: by chance, by what went before, by the number of cores. */
function unstable({ digest, digestAgain }: GoldenRun): readonly string[] {
  return digestAgain === null || digestAgain === digest
    ? []
    : ["two runs of it differ: it depends on chance, on what ran before, or on the number of cores"];
}

/**
 * What of a run is wrong whatever it is compared with, in words; nothing of one that was not simulated. It is found from
 * the documents that were asked for and written, and from nothing that planner or simulator say of themselves.
 */
export function brokenInvariants(run: GoldenRun, asked: Asked): readonly string[] {
  if (run.metrics === null) return [];
  const planned = plannedRun(run);
  const told = run.journal.length === 0 ? undefined : toldFleet(run, asked);
  return [
    ...unstable(run),
    ...(run.metrics.totalSeconds === undefined ? lostJobs(run, asked) : wrongInterruptions(run)),
    ...(told === undefined ? [] : fleetFaults(run, asked, told)),
    ...(run.document === null ? [] : unreadable(run.actions)),
    ...twoAtOnce(run.actions),
    ...comparedFaults(run, asked),
    ...(run.plan === null && run.document === null ? [] : uneven(run.actions)),
    ...(run.document === null ? [] : wrongWork(run.document, asked, trainedSteps(run))),
    ...(planned === undefined ? [] : [...plannedFaults(run, planned, asked), ...overfullLinks(planned)]),
    ...(planned === undefined || told === undefined ? [] : grownFaults(run, planned, told)),
    ...ordered(run),
  ];
}
