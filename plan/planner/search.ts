import { mean } from "../../core/index.ts";
import { microBatchTokens } from "../actions/mini-batch.ts";
import type { Stage } from "../documents/setting.ts";
import { type Candidate, candidateOf, type Trial } from "./candidate.ts";
import { type DividedWork, divideLayers } from "./divide-layers.ts";
import { FELT, fullness } from "./judge.ts";
import { chooseLimits, fits, type Outcome } from "./limits.ts";
import { NO_LIMITS } from "./order-draft.ts";
import { type Probe, probeOf } from "./probe.ts";
import { type Proposals, proposals, type WorkChoice } from "./propose.ts";
import type { Costed } from "./request.ts";

/** A candidate with what the search saw of it on the probe. */
export interface Considered {
  readonly candidate: Candidate;
  /** Undefined where the search saw without it that another way is faster. */
  readonly outcome: Outcome | undefined;
  /** Predicted nanoseconds of the whole run; null where it does not fit, or was not looked into. */
  readonly wholeNs: number | null;
  /** If memory were no matter; the least that it can be where `outcome` is undefined. */
  readonly unboundNs: number;
}

/** How many times too large the fullest device is; the one of which it is least. */
function leastOverfull(request: Costed, considered: readonly Considered[]): Considered {
  const overfull = ({ outcome, candidate }: Considered): number =>
    outcome === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(...fullness(request, candidate.draft, outcome.trial.laidOut().memory));
  return [...considered].sort((a, b) => overfull(a) - overfull(b))[0]!;
}

/** What the search found for a chain of devices: every way that it tried, and the one to take. */
export interface SearchResult {
  readonly considered: readonly Considered[];
  readonly chosen: Considered;
  readonly probe: Probe;
}

/** Ways from which the search goes on step by step. */
const STARTS = 2;
/** Steps that it goes at most from each. */
const MOST_STEPS = 5;
/** What a step has to save of the time to be followed by another. */
const LEAST_GAIN = 0.001;
/** Ways that are tried with fewer jobs at once: of those that fit, and of those that memory holds back. */
const MOST_HELD_BACK = 3;
/** A way is looked into that without memory's limits would take so much longer than the best: a probe is not the run. */
const PROBE_ERROR = 0.005;

/**
 * A candidate with the time that it would take if memory were no matter, which limits only lengthen; before it is put
 * in order the least that this can be.
 */
interface Ranked {
  readonly candidate: Candidate;
  readonly unlimited: Trial | undefined;
  readonly unboundNs: number;
}

/** The fastest first; of equal ones that with the fewest groups, the longest micro-batches, the most jobs at once. */
export function fastestFirst(considered: readonly Considered[]): readonly Considered[] {
  const atOnce = ({ jobsAtOnce }: WorkChoice): number => jobsAtOnce ?? Number.POSITIVE_INFINITY;
  return considered
    .filter(({ wholeNs }) => wholeNs !== null)
    .sort((one, other) => {
      const [a, b] = [one.candidate.choice, other.candidate.choice];
      const byTime = one.wholeNs! - other.wholeNs!;
      if (byTime !== 0) return byTime;
      const byWork = a.numGroups - b.numGroups || (b.cutTokens ?? 0) - (a.cutTokens ?? 0);
      return byWork || (atOnce(a) === atOnce(b) ? 0 : atOnce(b) - atOnce(a));
    });
}

/** Ways to do the work of one chain, each looked at once. */
class Exploration {
  readonly #request: Costed;
  readonly #probe: Probe;
  readonly #considered = new Map<string, Considered>();
  /** By the size of micro-batches: about the same divide the layers in about the same way. */
  readonly #stages = new Map<number, readonly Stage[]>();
  #least = Number.POSITIVE_INFINITY;
  #mostActions = Number.POSITIVE_INFINITY;

  constructor(request: Costed, probe: Probe) {
    this.#request = request;
    this.#probe = probe;
  }

  get considered(): readonly Considered[] {
    return [...this.#considered.values()];
  }

  /** Those that fit, the fastest first. */
  get fitting(): readonly Considered[] {
    return fastestFirst(this.considered);
  }

  /** From now on a way fits only where the whole run has so many actions at most. What was too slow may now be the best. */
  shorten(mostActions: number): void {
    this.#mostActions = mostActions;
    for (const [key, considered] of this.#considered)
      if (this.actionsOf(considered) > mostActions) this.#considered.set(key, { ...considered, wholeNs: null });
      else if (considered.outcome === undefined) this.#considered.delete(key);
    this.#least = this.fitting[0]?.wholeNs ?? Number.POSITIVE_INFINITY;
  }

  /** About how many actions the whole run of a way has, on all stages. */
  actionsOf({ candidate: { draft } }: Pick<Considered, "candidate">): number {
    return this.#probe.wholeActions(2 * draft.stages.length * draft.microBatches.length);
  }

  /** The least time that any would take if memory were no matter. */
  get unboundNs(): number {
    return Math.min(...this.considered.map(({ unboundNs }) => unboundNs));
  }

  /** Those that would be faster than the best if memory were no matter, the fastest then first. */
  get heldBack(): readonly Considered[] {
    return this.considered
      .filter(({ outcome, unboundNs }) => outcome !== undefined && unboundNs < this.#least * (1 - FELT))
      .sort((a, b) => a.unboundNs - b.unboundNs);
  }

  /**
   * In the order of the time that they would take if memory were no matter; those that cannot be the fastest any more
   * are not looked into, nor put in order where that is known before.
   */
  look(choices: readonly WorkChoice[]): void {
    const unseen = new Map(choices.map((choice) => [keyOf(choice), choice]));
    const waiting = [...unseen]
      .filter(([key]) => !this.#considered.has(key))
      .map(([, choice]) => this.#propose(choice));
    while (waiting.length > 0) {
      const at = waiting.reduce(
        (least, { unboundNs }, other) => (unboundNs < waiting[least]!.unboundNs ? other : least),
        0,
      );
      const next = waiting[at]!;
      if (next.unlimited === undefined && this.#mayBeBest(next)) waiting[at] = this.#order(next);
      else {
        waiting.splice(at, 1);
        const considered = this.#consider(next);
        this.#considered.set(keyOf(next.candidate.choice), considered);
        this.#least = Math.min(this.#least, considered.wholeNs ?? this.#least);
      }
    }
  }

  #propose(choice: WorkChoice): Ranked {
    const candidate = candidateOf(this.#request, choice, {
      stepsOf: this.#probe.stepsOf,
      dividedBy: (work) => this.#divided(work),
    });
    const unboundNs = this.#probe.leastNs(candidate.draft.stages.length, candidate.busyOn());
    return { candidate, unlimited: undefined, unboundNs };
  }

  #order({ candidate }: Ranked): Ranked {
    const unlimited = candidate.within(NO_LIMITS);
    return { candidate, unlimited, unboundNs: this.#probe.wholeNs(unlimited.ordered) };
  }

  #mayBeBest({ candidate, unboundNs }: Ranked): boolean {
    return unboundNs <= this.#least * (1 + PROBE_ERROR) && this.actionsOf({ candidate }) <= this.#mostActions;
  }

  #divided(work: DividedWork): readonly Stage[] {
    const size = Math.round(Math.log2(mean(work.microBatches.map(microBatchTokens))));
    const stages = this.#stages.get(size) ?? divideLayers(this.#request, work);
    this.#stages.set(size, stages);
    return stages;
  }

  #consider(ranked: Ranked): Considered {
    const { candidate, unlimited, unboundNs } = ranked;
    if (!this.#mayBeBest(ranked)) return { candidate, outcome: undefined, wholeNs: null, unboundNs };
    const outcome = chooseLimits(candidate, "quick", { unlimited });
    const wholeNs = fits(outcome.trial) ? this.#probe.wholeNs(outcome.trial.ordered) : null;
    return { candidate, outcome, wholeNs, unboundNs };
  }
}

function keyOf({ numGroups, cutTokens, jobsAtOnce }: WorkChoice): string {
  return `${numGroups} ${cutTokens} ${jobsAtOnce}`;
}

/** Goes on from a way, step by step, to the fastest of its neighbours, while that saves time. */
function climb(exploration: Exploration, { neighbours }: Proposals, from: Considered): void {
  let at = from;
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const choices = neighbours(at.candidate.choice);
    exploration.look(choices);
    const keys = new Set(choices.map(keyOf));
    const best = exploration.fitting.find(({ candidate: { choice } }) => keys.has(keyOf(choice)));
    if (best === undefined || best.wholeNs! > at.wholeNs! * (1 - LEAST_GAIN)) return;
    at = best;
  }
}

/** The fastest ways of different numbers of groups. */
function starts({ fitting }: Exploration): readonly Considered[] {
  const seen = new Set<number>();
  return fitting
    .filter(({ candidate: { choice } }) => !seen.has(choice.numGroups) && seen.add(choice.numGroups))
    .slice(0, STARTS);
}

/** Looks at fewer jobs at once where memory binds, and goes on from the best of them: longer micro-batches fit then. */
function lookAtFewer(exploration: Exploration, offered: Proposals): void {
  const { heldBack, fitting } = exploration;
  if (heldBack.length === 0) return;
  const tried = [...heldBack.slice(0, MOST_HELD_BACK), ...fitting.slice(0, MOST_HELD_BACK)];
  exploration.look(tried.flatMap(({ candidate: { choice } }) => offered.withFewer(choice)));
  const best = exploration.fitting.find(({ candidate: { choice } }) => choice.jobsAtOnce !== null);
  if (best !== undefined) climb(exploration, offered, best);
}

/** Where the whole run of the best has too many actions, looks again among fewer groups, whose micro-batches are longer. */
function lookAtShorter(exploration: Exploration, offered: Proposals, mostActions: number): void {
  const [best] = exploration.fitting;
  const actions = best === undefined ? 0 : exploration.actionsOf(best);
  if (best === undefined || actions <= mostActions) return;
  const { choice } = best.candidate;
  const fewer = offered.withGroups(choice, Math.floor((choice.numGroups * mostActions) / actions));
  if (fewer.numGroups === choice.numGroups) return;
  exploration.shorten(mostActions);
  exploration.look([fewer]);
  const [shorter] = exploration.fitting;
  if (shorter !== undefined) climb(exploration, offered, shorter);
}

interface SearchOptions {
  /** Of the effort, where there are other chains. */
  readonly share?: number;
  /** Where the search begins, instead of all over what is open. */
  readonly from?: WorkChoice | undefined;
  /** A chain that takes more nanoseconds is of no use, so that nobody looks for the best of its ways. */
  readonly mostNs?: number;
  /** Of a plan, on all stages of the chain. */
  readonly mostActions?: number;
}

/**
 * The best way for one chain of devices, on a probe: ways from all over what is open, then step by step from the best
 * of them, with all jobs at once, or as many as the shortest micro-batches fit with; where memory binds fewer jobs too.
 * Where the shortest micro-batches of one job do not fit, nothing does.
 * @throws InputError for a choice that the chain cannot have
 */
export function searchChain(request: Costed, options: SearchOptions = {}): SearchResult {
  const { share = 1, from, mostNs = Number.POSITIVE_INFINITY, mostActions = Number.POSITIVE_INFINITY } = options;
  const probe = probeOf(request, share);
  const exploration = new Exploration(request, probe);
  const offered = proposals(request);
  if (from !== undefined) exploration.look([from]);
  else {
    // Every job alone first, for what sharing saves.
    const alone = offered.coarse[0]!.numGroups;
    exploration.look(offered.coarse.filter(({ numGroups }) => numGroups === alone));
    exploration.look(offered.coarse);
    for (const fewer of offered.fewerAtOnce)
      if (exploration.fitting.length === 0) exploration.look([offered.least(fewer)]);
  }
  if (exploration.unboundNs <= mostNs) {
    for (const start of starts(exploration)) climb(exploration, offered, start);
    if (from === undefined) lookAtFewer(exploration, offered);
    lookAtShorter(exploration, offered, mostActions);
  }
  const { considered, fitting } = exploration;
  return { considered, chosen: fitting[0] ?? leastOverfull(request, considered), probe };
}
