import { type Candidate, candidateOf, type Trial } from "./candidate.ts";
import { FELT, fullness } from "./judge.ts";
import { chooseLimits, fits, type Outcome } from "./limits.ts";
import { NO_LIMITS } from "./order-draft.ts";
import { type Probe, probeOf } from "./probe.ts";
import { between, largestGroup, type Proposals, proposals, type WorkChoice } from "./propose.ts";
import type { Costed } from "./request.ts";

/** Of the time, what more groups have to save: they are more actions, and measured cost models are no more exact. */
const LEAST_SAVING = { measured: 0.03, other: 0.005 } as const;

/** What another choice has to save of the time to be taken instead of the plainer one. */
export function leastSaving({ calibration }: Pick<Costed, "calibration">): number {
  return LEAST_SAVING[calibration.model === "measured" ? "measured" : "other"];
}

/** A candidate with what the search saw of it on the probe. */
export interface Considered {
  readonly candidate: Candidate;
  /** Undefined where the search saw without it that another way is faster. */
  readonly outcome: Outcome | undefined;
  /** Predicted nanoseconds of the whole run; null where it does not fit, or was not looked into. */
  readonly wholeNs: number | null;
  /** If memory were no matter. */
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

/** Cuts whose other numbers of groups are tried. */
const BEST_CUTS = 2;
/** Ways that are tried with fewer jobs at once. */
const MOST_HELD_BACK = 3;

/** A candidate with the time that it would take if memory were no matter, which limits only lengthen. */
interface Ranked {
  readonly candidate: Candidate;
  readonly unlimited: Trial;
  readonly unboundNs: number;
}

/** Ways to do the work of one chain, each looked at once. */
class Exploration {
  readonly #request: Costed;
  readonly #probe: Probe;
  readonly #saving: number;
  readonly #considered = new Map<string, Considered>();
  #least = Number.POSITIVE_INFINITY;

  constructor(request: Costed, probe: Probe) {
    this.#request = request;
    this.#probe = probe;
    this.#saving = leastSaving(request);
  }

  get considered(): readonly Considered[] {
    return [...this.#considered.values()];
  }

  /** Those that fit, the fastest first. */
  get fitting(): readonly Considered[] {
    return this.considered.filter(({ wholeNs }) => wholeNs !== null).sort((a, b) => a.wholeNs! - b.wholeNs!);
  }

  /**
   * Of those that are as good as the best the one with the longest micro-batches, so the fewest groups and cuts, and
   * with the most jobs at once.
   */
  get chosen(): Considered | undefined {
    const good = this.fitting.filter(({ wholeNs }) => wholeNs! <= this.#least * (1 + this.#saving));
    const atOnce = ({ jobsAtOnce }: WorkChoice): number => jobsAtOnce ?? this.#request.jobs.length;
    return good.sort(
      ({ candidate: { choice: a } }, { candidate: { choice: b } }) =>
        a.numGroups - b.numGroups || (b.cutTokens ?? 0) - (a.cutTokens ?? 0) || atOnce(b) - atOnce(a),
    )[0];
  }

  /** Those that would be faster than the best if memory were no matter, the fastest then first. */
  get heldBack(): readonly Considered[] {
    return this.considered
      .filter(({ outcome, unboundNs }) => outcome !== undefined && unboundNs < this.#least * (1 - FELT))
      .sort((a, b) => a.unboundNs - b.unboundNs);
  }

  /**
   * In the order of the time that they would take if memory were no matter; those that cannot be the fastest any more
   * are not looked into.
   */
  look(choices: readonly WorkChoice[]): void {
    const ranked = choices
      .filter((choice) => !this.#considered.has(keyOf(choice)))
      .map((choice) => this.#rank(choice))
      .sort((a, b) => a.unboundNs - b.unboundNs);
    for (const each of ranked) {
      const considered = this.#consider(each);
      this.#considered.set(keyOf(each.candidate.choice), considered);
      this.#least = Math.min(this.#least, considered.wholeNs ?? this.#least);
    }
  }

  #rank(choice: WorkChoice): Ranked {
    const candidate = candidateOf(this.#request, choice, { stepsOf: this.#probe.stepsOf });
    const unlimited = candidate.within(NO_LIMITS);
    return { candidate, unlimited, unboundNs: this.#probe.wholeNs(unlimited.ordered) };
  }

  #consider({ candidate, unlimited, unboundNs }: Ranked): Considered {
    if (unboundNs > this.#least * (1 + this.#saving))
      return { candidate, outcome: undefined, wholeNs: null, unboundNs };
    const outcome = chooseLimits(candidate, "quick", { unlimited });
    const wholeNs = fits(outcome.trial) ? this.#probe.wholeNs(outcome.trial.ordered) : null;
    return { candidate, outcome, wholeNs, unboundNs };
  }
}

function keyOf({ numGroups, cutTokens, jobsAtOnce }: WorkChoice): string {
  return `${numGroups} ${cutTokens} ${jobsAtOnce}`;
}

/**
 * Looks at sizes of micro-batches with every job alone, at the other numbers of groups with the best of them, then at
 * sizes between.
 */
function lookAtWork(exploration: Exploration, { cuts, groupCounts }: Proposals, least: WorkChoice): void {
  exploration.look(cuts.map((cutTokens) => ({ ...least, cutTokens })));
  const best = exploration.fitting.slice(0, BEST_CUTS);
  exploration.look(
    best.flatMap(({ candidate: { choice } }) => groupCounts.map((numGroups) => ({ ...choice, numGroups }))),
  );
  const { choice } = exploration.chosen!.candidate;
  exploration.look(between(cuts, choice.cutTokens).map((cutTokens) => ({ ...choice, cutTokens })));
}

/**
 * Looks at fewer jobs at once where memory binds; where that saves time, at sizes of micro-batches anew, since longer
 * ones fit then.
 */
function lookAtFewer(request: Costed, exploration: Exploration, { cuts, fewerAtOnce }: Proposals): void {
  const before = exploration.chosen!.candidate.choice;
  exploration.look(
    exploration.heldBack.slice(0, MOST_HELD_BACK).flatMap(({ candidate: { choice } }) => {
      const size = largestGroup(request, choice.numGroups);
      return fewerAtOnce.filter((fewer) => size <= fewer).map((jobsAtOnce) => ({ ...choice, jobsAtOnce }));
    }),
  );
  const { choice } = exploration.chosen!.candidate;
  if (choice.jobsAtOnce === before.jobsAtOnce) return;
  exploration.look(cuts.map((cutTokens) => ({ ...choice, cutTokens })));
  const { cutTokens: best } = exploration.chosen!.candidate.choice;
  exploration.look(between(cuts, best).map((cutTokens) => ({ ...choice, cutTokens })));
}

/**
 * The best way for one chain of devices, on a probe: the work with all jobs at once, or as many as the shortest
 * micro-batches fit with; where memory binds fewer jobs too. Where the shortest micro-batches of one job do not fit,
 * nothing does. `share`: of the effort, where there are other chains. `given`: the only choice.
 */
export function searchChain(request: Costed, share = 1, given?: WorkChoice): SearchResult {
  const probe = probeOf(request, share);
  const exploration = new Exploration(request, probe);
  const offered = proposals(request);
  const { cuts, groupCounts, jobsAtOnce, fewerAtOnce } = offered;
  const first = given ?? { numGroups: groupCounts.at(-1)!, cutTokens: cuts.at(-1)!, jobsAtOnce };
  exploration.look([first]);
  if (given === undefined) {
    for (const fewer of fewerAtOnce)
      if (exploration.fitting.length === 0) exploration.look([{ ...first, jobsAtOnce: fewer }]);
    const [fitting] = exploration.fitting;
    if (fitting !== undefined) {
      lookAtWork(exploration, offered, fitting.candidate.choice);
      lookAtFewer(request, exploration, offered);
    }
  }
  const { considered, chosen } = exploration;
  return { considered, chosen: chosen ?? leastOverfull(request, considered), probe };
}
