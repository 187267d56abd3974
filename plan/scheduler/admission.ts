import type { FleetJob } from "./fleet-job.ts";
import type { Places } from "./places.ts";
import type { Moves, Wish } from "./policy.ts";
import { type Resources, shortfallText } from "./resources.ts";

/** Who is on pipelines when a policy has said who is to be. */
export interface OnPipelines {
  readonly resources: Resources;
  /** Jobs in the policy's order, of which it decides but for those that outgrew their pipelines. */
  readonly placed: readonly FleetJob[];
  /** By number. */
  readonly outgrown: ReadonlyMap<number, string>;
  /** Jobs that leave whatever a policy says. */
  readonly held: Iterable<FleetJob>;
  readonly places: Places;
  /** Who has ended an iteration and not begun the next holds memory only if it goes on. */
  isBetween(job: FleetJob): boolean;
}

/** What comes of a policy's choice. */
export interface Admission {
  readonly begins: readonly Wish[];
  /** Jobs on pipelines that something may be said of, in the policy's order. */
  readonly concerned: readonly FleetJob[];
  /** Why one of them trains on; undefined where it gives way. */
  stays(job: FleetJob): Wish["why"] | undefined;
  /** Why one of them has to give way though it was wished for. */
  readonly denied: ReadonlyMap<number, string>;
}

const isNew = ({ job }: Wish): boolean => job.pipeline === undefined;

/**
 * Of the wishes in turn those that have room now. Who is in the middle of an iteration holds its memory to the end of
 * it, wished for or not; on a pipeline where one that waits has no room for that reason, none goes past it. One that
 * has outgrown its pipeline takes no room from those that are there.
 */
export function admitWishes(
  wishes: readonly Wish[],
  { resources, placed, outgrown, held, isBetween }: OnPipelines,
): Admission {
  const onEach = () => Array.from({ length: resources.numPipelines }, (): FleetJob[] => []);
  const [holding, going] = [onEach(), onEach()];
  for (const job of placed) if (!isBetween(job)) (outgrown.has(job.number) ? going : holding)[job.pipeline!]!.push(job);
  for (const job of held) holding[job.pipeline!]!.push(job);
  const accepted: Wish[] = [];
  const denied = new Map<number, string>();
  const full = new Set<number>();
  for (const wish of wishes) {
    const { job, pipeline } = wish;
    if (!isNew(wish) && !isBetween(job)) {
      accepted.push(wish);
      continue;
    }
    if (isNew(wish) && full.has(pipeline)) continue;
    const beside = isNew(wish) ? [...holding[pipeline]!, ...going[pipeline]!] : holding[pipeline]!;
    const shortfall = resources.shortfall(pipeline, [...beside, job]);
    if (shortfall === undefined) {
      holding[pipeline]!.push(job);
      accepted.push(wish);
    } else {
      full.add(pipeline);
      if (!isNew(wish)) denied.set(job.number, shortfallText(shortfall));
    }
  }
  const staying = new Map(accepted.map(({ job, why }) => [job.number, why]));
  return {
    begins: accepted.filter(isNew),
    concerned: placed,
    stays: ({ number }) => staying.get(number),
    denied,
  };
}

const NONE: ReadonlyMap<number, string> = new Map();

/** The same of a choice by who moves, where nobody that stays is between two iterations, and none has outgrown. */
export function admitMoves(
  { joins, leaves, why }: Moves,
  { resources, placed, held, places, isBetween }: OnPipelines,
  isSomebodyLeaving: boolean,
): Admission {
  const left = new Set(leaves);
  const others = [...held];
  const beside = new Map<number, FleetJob[]>();
  const full = new Set<number>();
  // The policy has found room beside all that stay: only who leaves may still hold some.
  const begins =
    left.size === 0 && others.length === 0
      ? joins
      : joins.filter(({ job, pipeline }) => {
          if (full.has(pipeline)) return false;
          const own = beside.get(pipeline) ?? [
            ...places.on(pipeline).filter((each) => !isBetween(each)),
            ...others.filter((each) => each.pipeline === pipeline),
          ];
          const isShort = resources.shortfall(pipeline, [...own, job]) !== undefined;
          if (isShort) full.add(pipeline);
          else beside.set(pipeline, [...own, job]);
          return !isShort;
        });
  return {
    begins,
    concerned:
      isSomebodyLeaving || leaves.length > 1
        ? placed.filter((job) => job.standing === "leaving" || left.has(job))
        : leaves,
    stays: (job) => (left.has(job) ? undefined : why),
    denied: NONE,
  };
}
