import { numLayersOf } from "../actions/stage-layers.ts";
import type { ScheduleName } from "../documents/setting.ts";
import type { Candidate } from "./candidate.ts";
import { FELT, fullness } from "./judge.ts";
import { chooseLimits, fits, makespanOf, type Outcome } from "./limits.ts";
import type { Costed } from "./request.ts";
import type { Considered, SearchResult } from "./search.ts";

/**
 * One way to do the work, as the search saw it. Of several pipelines what is by stage is that of the one that takes
 * longest.
 */
export interface ConsideredWay {
  readonly numPipelines: number;
  readonly schedule: ScheduleName;
  readonly numGroups: number;
  /** The most jobs that train at once on a pipeline; null for all. */
  readonly jobsAtOnce: number | null;
  /** Whether any jobs share micro-batches. */
  readonly isShared: boolean;
  /** By which jobs that leave it open are cut; null where every job says it. */
  readonly microBatchTokens: number | null;
  readonly inFlight: readonly number[];
  readonly recomputedLayers: readonly number[];
  /**
   * Predicted for the whole run from its first steps; null where it does not fit into memory or was not looked into.
   */
  readonly seconds: number | null;
  /** If memory were no matter; the least that it can be where nobody looked. */
  readonly unboundSeconds: number;
  readonly state: "chosen" | "slower" | "does not fit" | "not looked into";
}

/** Where memory makes a run longer than it would be. */
export interface MemoryBinding {
  readonly device: string;
  /** Micro-batches in flight on it, and how many there would be if memory were no matter. */
  readonly inFlight: number;
  readonly unboundInFlight: number;
  readonly recomputedLayers: number;
  readonly numLayers: number;
  /** Of the time that it would take. */
  readonly slowdown: number;
  /** What recomputation would change, where it was not to be; null where it was, or would save no time. */
  readonly withRecomputation: {
    readonly recomputedLayers: number;
    readonly inFlight: number;
    /** Of the time that the run takes without. */
    readonly saving: number;
  } | null;
}

/** Micro-batches that jobs share against every job alone: the predicted seconds of the best way of each. */
export interface SharingComparison {
  readonly sharedSeconds: number;
  readonly separateSeconds: number;
}

/** Why a plan is as it is. */
export interface PlanExplanation {
  /** The chosen one first, then by time. */
  readonly ways: readonly ConsideredWay[];
  /** Null where memory costs no time. */
  readonly binding: MemoryBinding | null;
  /** Null where not both were looked into. */
  readonly sharing: SharingComparison | null;
}

function stateOf({ outcome, wholeNs }: Considered): ConsideredWay["state"] {
  if (wholeNs !== null) return "slower";
  return outcome === undefined ? "not looked into" : "does not fit";
}

function wayOf(considered: Considered, { numPipelines, request: { schedule, jobs } }: TriedDivision): ConsideredWay {
  const { candidate, outcome, unboundNs, wholeNs } = considered;
  const { choice } = candidate;
  const ordered = outcome?.trial.ordered;
  return {
    numPipelines,
    schedule,
    numGroups: choice.numGroups,
    jobsAtOnce: choice.jobsAtOnce,
    isShared: choice.numGroups < jobs.length,
    microBatchTokens: choice.cutTokens,
    inFlight: ordered?.inFlight ?? [],
    recomputedLayers: ordered?.draft.stages.map(({ recomputedLayers }) => recomputedLayers) ?? [],
    seconds: wholeNs === null ? null : wholeNs / 1e9,
    unboundSeconds: unboundNs / 1e9,
    state: stateOf(considered),
  };
}

/** What was tried on one division of the devices into pipelines. */
export interface TriedDivision {
  readonly numPipelines: number;
  /** Of the pipeline that takes longest. */
  readonly request: Costed;
  readonly search: SearchResult;
}

function withRecomputation(
  candidate: Candidate,
  { trial, unbound }: Outcome,
  stage: number,
): MemoryBinding["withRecomputation"] {
  if (candidate.request.recompute !== "none") return null;
  const other = chooseLimits(candidate, "quick", { unlimited: unbound, recompute: "auto" }).trial;
  if (!fits(other)) return null;
  const saving = 1 - makespanOf(other) / makespanOf(trial);
  if (saving <= FELT) return null;
  const { recomputedLayers } = other.ordered.draft.stages[stage]!;
  return { recomputedLayers, inFlight: other.ordered.inFlight[stage]!, saving };
}

function bindingOf({ request, search: { chosen, probe } }: TriedDivision): MemoryBinding | null {
  const { candidate, outcome } = chosen;
  if (outcome === undefined || !fits(outcome.trial)) return null;
  const { trial, unbound } = outcome;
  const slowdown = probe.wholeNs(trial.ordered) / probe.wholeNs(unbound.ordered) - 1;
  if (slowdown <= FELT) return null;
  // The stage that memory leaves the least room.
  const { draft, inFlight } = trial.ordered;
  const shares = fullness(request, draft, trial.laidOut().memory);
  const stage = shares.indexOf(Math.max(...shares));
  const { recomputedLayers, device } = draft.stages[stage]!;
  return {
    device: request.devices[device]!.name,
    inFlight: inFlight[stage]!,
    unboundInFlight: unbound.ordered.inFlight[stage]!,
    recomputedLayers,
    numLayers: numLayersOf(draft.stages[stage]!),
    slowdown,
    withRecomputation: withRecomputation(candidate, outcome, stage),
  };
}

function sharingOf(ways: readonly ConsideredWay[]): SharingComparison | null {
  const best = (shared: boolean): number =>
    Math.min(...ways.flatMap(({ isShared, seconds }) => (seconds === null || isShared !== shared ? [] : [seconds])));
  const [sharedSeconds, separateSeconds] = [best(true), best(false)];
  return Number.isFinite(sharedSeconds) && Number.isFinite(separateSeconds) ? { sharedSeconds, separateSeconds } : null;
}

/** The explanation of a choice among divisions, the chosen one first. */
export function explain(tried: readonly TriedDivision[]): PlanExplanation {
  const [chosen] = tried;
  const ways = tried.flatMap((division) =>
    division.search.considered.map((considered): ConsideredWay => {
      const way = wayOf(considered, division);
      return division === chosen && considered === division.search.chosen ? { ...way, state: "chosen" } : way;
    }),
  );
  const time = ({ state, seconds }: ConsideredWay): number => (state === "chosen" ? 0 : (seconds ?? 1e300));
  return {
    ways: [...ways].sort((a, b) => time(a) - time(b) || a.unboundSeconds - b.unboundSeconds),
    binding: bindingOf(chosen!),
    sharing: sharingOf(ways),
  };
}
