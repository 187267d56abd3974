import { groupBy } from "../../core/index.ts";
import type { FleetOutcome } from "../../plan/index.ts";
import { figuresOf } from "./figures.ts";
import { type GoldenRun, outcomesOf, requestsOf, type SeenAction } from "./golden-run.ts";

/** Floating-point sums of the same times in another order. */
const SAME = 1e-9;

/** Policies that have no reason to let of two equal jobs the later one go first. */
const IN_ORDER = ["fifo", "sjf", "priority", "mlora", "deadline"];

function lostJobs({ metrics }: GoldenRun, names: readonly string[]): readonly string[] {
  const told = new Set(metrics!.jobs.map(({ name }) => name));
  const absent = names.filter((name) => !told.has(name));
  const open = outcomesOf(metrics!).filter(({ endNs, refused }) => endNs === undefined && !refused);
  const lost = [...absent, ...open.map(({ name }) => name)];
  return lost.length === 0 ? [] : [`a job is lost: ${lost.join(", ")} neither ends nor is refused`];
}

/** Of jobs that differ in nothing but when they came, a later one starts before an earlier one. */
function overtaken(run: GoldenRun, policy: string | undefined): readonly string[] {
  if (policy === undefined || !IN_ORDER.includes(policy)) return [];
  const requests = requestsOf(run);
  const alike = ({ number }: FleetOutcome): string => {
    const { arrivalNs: _at, name: _name, deadlineNs, ...same } = requests.get(number)!;
    return JSON.stringify([same, deadlineNs === null]);
  };
  const started = outcomesOf(run.metrics!).filter(
    ({ startNs, number }) => startNs !== undefined && requests.has(number),
  );
  for (const own of groupBy(started, alike).values()) {
    const inOrder = [...own].sort((a, b) => a.arrivalNs - b.arrivalNs || a.number - b.number);
    for (let at = 1; at < inOrder.length; at += 1) {
      const [before, after] = [inOrder[at - 1]!, inOrder[at]!];
      if (after.startNs! < before.startNs!)
        return [`equal jobs are out of order: ${after.name} starts before ${before.name}, which came first`];
    }
  }
  return [];
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

/** What of a run is wrong whatever it is compared with, in words; nothing of one that was not simulated. */
export function brokenInvariants(
  run: GoldenRun,
  { jobs, policy }: { readonly jobs: readonly string[]; readonly policy: string | undefined },
): readonly string[] {
  if (run.metrics === null) return [];
  return [
    ...lostJobs(run, jobs),
    ...overtaken(run, policy),
    ...twoAtOnce(run.actions),
    ...(run.plan === null ? [] : uneven(run.actions)),
    ...ordered(run),
  ];
}
