import { formatSeconds } from "../../../core/index.ts";
import { atOnce, mostAtOnce } from "../at-once.ts";
import type { FleetJob } from "../fleet-job.ts";
import { type Forecaster, type Objective, objectiveNs } from "../forecast.ts";
import { byArrival, type FleetView, type Policy } from "../policy.ts";

/** Fewer jobs at once than there is room for, where there is room for more. */
const FEWER = [1, 2, 4, 8] as const;
/** A trigger looks at all jobs: where there are more than these, fewer are simulated for a choice. */
const JOBS_OF_ALL_TRIGGERS = 100;
/** Of so many jobs one that comes or goes changes little: it chooses anew once one of each so many has. */
const JOBS_OF_A_CHANGE = 100;

export interface TwinOptions {
  /** What it chooses among; each also with fewer jobs at once. */
  readonly policies: readonly Policy[];
  readonly forecast: Forecaster;
  readonly objective?: Objective;
  /** Triggers that are simulated for a choice, of all policies together; of more than 100 jobs fewer. */
  readonly triggers?: number;
  /** By what share another one has to be better than that which decides. */
  readonly betterBy?: number;
}

/** What it keeps from one decision to the next. */
interface TwinMemory {
  /** The name of that which decides, and its own memory. */
  readonly policy: string;
  readonly memory: unknown;
  /** `FleetView.changes` when it was chosen, and when that was. */
  readonly changes: number;
  readonly sinceNs: number;
}

interface Candidate {
  readonly policy: Policy;
  readonly memory: unknown;
  /** What it would bring, in nanoseconds; the smaller the better. */
  readonly ns: number;
}

/** That which decides, since when, and why. */
interface Chosen extends Omit<Candidate, "ns"> {
  readonly sinceNs: number;
  readonly changes: number;
  readonly why: () => string;
}

const OBJECTIVES: Readonly<Record<Objective, string>> = {
  turnaround: "of mean turnaround",
  makespan: "to the end of all",
};

/** It is asked where something has changed, and where a job has to leave; not at the end of any iteration. */
function unhurried(policy: Policy): Policy {
  return { ...policy, watches: policy.watches === "iterations" ? "progress" : policy.watches };
}

function figures(objective: Objective, candidates: readonly Candidate[]): string {
  const inOrder = [...candidates].sort((a, b) => a.ns - b.ns);
  const each = inOrder.map(({ policy, ns }) => `${policy.name} ${formatSeconds(ns / 1e9)}`);
  return `${OBJECTIVES[objective]}: ${each.join("; ")}`;
}

/**
 * Simulates what the other policies would bring from now on, each also with fewer jobs at once, and lets the best of
 * them decide until something changes. The one that decides goes on while no other is better by a share, so that jobs
 * are not sent to and fro for nothing.
 */
export function twin({
  policies,
  forecast,
  objective = "turnaround",
  triggers = 20_000,
  betterBy = 0.005,
}: TwinOptions): Policy {
  const families = policies.map(unhurried).map((policy) => ({
    policy,
    fewer: FEWER.map((most) => ({ most, policy: atOnce(policy, most) })),
  }));
  const known = new Map(
    families.flatMap(({ policy, fewer }) =>
      [policy, ...fewer.map((each) => each.policy)].map((each) => [each.name, each]),
    ),
  );

  const candidatesOf = ({ waiting, placed, resources }: FleetView): readonly Policy[] => {
    const most = mostAtOnce(resources, [...placed, ...waiting], FEWER.at(-1)! + 1);
    return families.flatMap(({ policy, fewer }) => [
      policy,
      ...fewer.filter((each) => each.most < most).map((each) => each.policy),
    ]);
  };

  const judged = (view: FleetView, before: TwinMemory | null): readonly Candidate[] => {
    const state = view.state();
    const candidates = candidatesOf(view);
    const crowd = Math.max(1, (view.waiting.length + view.placed.length) / JOBS_OF_ALL_TRIGGERS);
    const each = Math.max(1, Math.floor(triggers / (crowd * candidates.length)));
    return candidates.map((policy) => {
      const memory = policy.name === before?.policy ? before.memory : policy.initial;
      const now = { state: { ...state, policy: policy.name, memory }, resources: view.resources };
      const ends = forecast(now, policy, each);
      return { policy, memory, ns: objectiveNs(objective, state, ends) };
    });
  };

  const choose = (view: FleetView, before: TwinMemory | null): Chosen => {
    const jobs = view.waiting.length + view.placed.length;
    const enough = Math.max(1, Math.floor(jobs / JOBS_OF_A_CHANGE));
    if (before !== null && (view.changes - before.changes < enough || jobs < 2)) {
      const { memory, sinceNs, changes } = before;
      const why = (): string => `chosen at ${formatSeconds(sinceNs / 1e9)}`;
      return { policy: known.get(before.policy)!, memory, sinceNs, changes, why };
    }
    const { changes } = view;
    const candidates = judged(view, before);
    const best = candidates.reduce((least, each) => (each.ns < least.ns ? each : least));
    const present = candidates.find(({ policy }) => policy.name === before?.policy);
    const why = (): string => figures(objective, candidates);
    return present !== undefined && present.ns <= best.ns * (1 + betterBy)
      ? { ...present, sinceNs: before!.sinceNs, changes, why }
      : { ...best, sinceNs: view.nowNs, changes, why };
  };

  return {
    name: "twin",
    describe: "the policy that is best by simulation from now on",
    compare: byArrival,
    initial: null,
    watches: "progress",
    decide(view, memory) {
      const { policy, memory: own, sinceNs, changes, why } = choose(view, memory as TwinMemory | null);
      const compare = (a: FleetJob, b: FleetJob): number => policy.compare(a, b);
      const sorted = { waiting: [...view.waiting].sort(compare), placed: [...view.placed].sort(compare) };
      const { memory: kept, wishes, ...choice } = policy.decide({ ...view, ...sorted }, own);
      return {
        ...choice,
        wishes: wishes.map((wish) => ({ ...wish, why: (job) => `${wish.why(job)} (${policy.name}; ${why()})` })),
        memory: { policy: policy.name, memory: kept, changes, sinceNs } satisfies TwinMemory,
      };
    },
  };
}
