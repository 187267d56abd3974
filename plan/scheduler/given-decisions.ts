import type { FleetJob } from "./fleet-job.ts";
import type { Choice, FleetView, Policy, Wish } from "./policy.ts";

/**
 * What is to become of a job, whatever its policy says. `isMeanwhile`: until all that is not meanwhile is carried out,
 * and no longer.
 */
export type GivenFate = { readonly why: string; readonly isMeanwhile?: boolean } & (
  | {
      /** It trains on a pipeline. `behind`: a job that has to leave first. */
      readonly kind: "on";
      readonly pipeline: number;
      readonly behind?: number;
    }
  /** It leaves its pipeline. `isToldOnly`: the policy may call it back before it has left. */
  | { readonly kind: "off"; readonly isToldOnly: boolean }
  | { readonly kind: "refused" }
);

/** Decisions that a fleet is given in place of its policy's. */
export interface GivenDecisions {
  /** From the line on that has so many before it, and its time. */
  readonly linesBefore: number;
  readonly atNs: number;
  /** By the jobs' numbers. */
  readonly fates: ReadonlyMap<number, GivenFate>;
}

/** Whether nothing is left to be done of it; of a job that has ended, or is held, nothing can be. */
function isSettled(fate: GivenFate, job: FleetJob | undefined): boolean {
  if (job === undefined) return true;
  const { pipeline, standing, done } = job;
  switch (fate.kind) {
    case "on":
      return pipeline !== undefined && (pipeline !== fate.pipeline || standing === "running");
    case "off":
      return pipeline === undefined || (fate.isToldOnly && standing === "leaving");
    case "refused":
      return pipeline !== undefined || done > 0;
  }
}

function agrees({ wishes, refusals = [] }: Choice, number: number, fate: GivenFate, isDue: boolean): boolean {
  const wish = wishes.find(({ job }) => job.number === number);
  if (fate.kind === "refused") return refusals.some(({ job }) => job.number === number);
  if (fate.kind === "off") return wish === undefined;
  return wish === undefined ? !isDue : wish.pipeline === fate.pipeline;
}

/** What a policy decides of the other jobs, where it takes what is given for done. */
function around(
  policy: Policy,
  view: FleetView,
  memory: unknown,
  { fates, isDue }: { readonly fates: ReadonlyMap<number, GivenFate>; readonly isDue: (fate: GivenFate) => boolean },
): Choice {
  const { resources } = view;
  const jobs = new Map([...view.waiting, ...view.placed].map((job) => [job.number, job]));
  const isOff = ({ number }: FleetJob): boolean => fates.get(number)?.kind === "off";
  const awaited = new Set([...fates.values()].flatMap((fate) => (fate.kind === "on" ? [fate.pipeline] : [])));
  // Who was leaving before does not stay where another one is to come.
  const isGoing = ({ number, standing, pipeline }: FleetJob): boolean =>
    standing === "leaving" && !fates.has(number) && awaited.has(pipeline!);
  const placed = view.placed.filter((job) => !isOff(job) && !isGoing(job) && !fates.has(job.number));
  const closed = new Set<number>();
  const given: Wish[] = [];
  for (const [number, fate] of fates) {
    if (fate.kind !== "on") continue;
    const { pipeline, why } = fate;
    const job = jobs.get(number);
    const beside = placed.filter((each) => each.pipeline === pipeline);
    if (job === undefined || !isDue(fate) || resources.shortfall(pipeline, [...beside, job]) !== undefined) {
      closed.add(pipeline);
      continue;
    }
    given.push({ job, pipeline, why: () => why });
    placed.push({ ...job, pipeline, standing: "running" });
  }
  const now = new Map(placed.map((job) => [job.number, job]));
  const choice = policy.decide(
    {
      ...view,
      waiting: view.waiting.filter(({ number }) => !fates.has(number)),
      placed: placed.sort((a, b) => policy.compare(a, b)),
      resources: {
        ...resources,
        shortfall: (pipeline, own) =>
          closed.has(pipeline) && own.some((job) => job.pipeline === undefined)
            ? { kind: "jobs", most: own.length - 1 }
            : resources.shortfall(pipeline, own),
      },
      state() {
        const state = view.state();
        return { ...state, jobs: state.jobs.map((job) => now.get(job.number) ?? job) };
      },
    },
    memory,
  );
  const refused = [...fates].flatMap(([number, { kind, why }]) => {
    const job = jobs.get(number);
    return kind === "refused" && job !== undefined ? [{ job, why }] : [];
  });
  return {
    wishes: [...given, ...choice.wishes.filter(({ job }) => !fates.has(job.number))],
    refusals: [...(choice.refusals ?? []), ...refused],
    memory: choice.memory,
  };
}

/**
 * A policy that is given some decisions once: until they are carried out it decides of the other jobs alone, and of all
 * jobs before and after. Where it decides the same by itself it is left alone. For one fleet: it keeps what is done.
 */
export function withGiven(policy: Policy, { linesBefore, atNs, fates }: GivenDecisions): Policy {
  const open = new Map(fates);
  let hasBegun = false;
  return {
    ...policy,
    decide(view, memory) {
      hasBegun ||= view.nowNs >= atNs && view.state().line >= linesBefore;
      if (!hasBegun || open.size === 0) return policy.decide(view, memory);
      const jobs = new Map([...view.waiting, ...view.placed].map((job) => [job.number, job]));
      const between = new Set(view.state().between);
      const isDue = (fate: GivenFate): boolean => {
        if (fate.kind !== "on" || fate.behind === undefined) return true;
        return jobs.get(fate.behind)?.pipeline !== fate.pipeline || between.has(fate.behind);
      };
      for (const [number, fate] of open) {
        const job = jobs.get(number);
        const isOpen = fate.isMeanwhile === true && job !== undefined;
        if (!isOpen && isDue(fate) && isSettled(fate, job)) open.delete(number);
      }
      if ([...open.values()].every(({ isMeanwhile }) => isMeanwhile)) open.clear();
      const choice = policy.decide(view, memory);
      if ([...open].every(([number, fate]) => agrees(choice, number, fate, isDue(fate)))) return choice;
      return around(policy, view, memory, { fates: open, isDue });
    },
  };
}
