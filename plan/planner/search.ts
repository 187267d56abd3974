import { maximum } from "../../core/index.ts";
import type { Stage } from "../documents/setting.ts";
import { LEAST_HALVES, numHalvesOf, numLayersOf } from "../stage-layers.ts";
import { FELT, fullness } from "./capacity.ts";
import { type Draft, type DraftedWork, draftWork, type WorkChoice } from "./draft.ts";
import { chooseLimits, isSettled, type Outcome, type Settled, settle } from "./limits.ts";
import { NO_LIMITS, orderDraft } from "./order-draft.ts";
import { givenStages, partitionLayers, stageOfHalves } from "./partition.ts";
import { type Probe, probeOf } from "./probe.ts";
import { between, largestGroup, type Proposals, proposals } from "./propose.ts";
import type { Costed } from "./request.ts";
import { stageCosts } from "./stage-costs.ts";

/** Of the time, what more groups have to save: they are more actions, and measured cost models are no more exact. */
const LEAST_SAVING = { measured: 0.03, other: 0.005 } as const;

/** What another choice has to save of the time to be taken instead of the plainer one. */
export function leastSaving({ calibration }: Pick<Costed, "calibration">): number {
  return LEAST_SAVING[calibration.model === "measured" ? "measured" : "other"];
}

/** Stages of other lengths have to save so much of the time. */
const LEAST_GAIN = 0.001;

/** Layers that are moved at most, and stages that each is tried on. */
const MOVES = 12;
const TARGETS = 3;

/** One way to do the work, tried on the probe. */
export interface Candidate {
  readonly choice: WorkChoice;
  readonly draft: Draft;
  /** Undefined where the search saw without it that another way is faster. */
  readonly outcome: Outcome | undefined;
  /** Predicted nanoseconds of the whole run; null where it does not fit, or was not looked into. */
  readonly wholeNs: number | null;
  /** If memory were no matter. */
  readonly unboundNs: number;
}

function draftOf(work: DraftedWork, stages: readonly Stage[], schedule: Draft["schedule"]): Draft {
  return { schedule, ...work, stages: [...stages] };
}

function partition(request: Costed, work: DraftedWork): readonly Stage[] {
  const { architecture, devices, layersPerStage, calibration, recompute } = request;
  const stages =
    layersPerStage === undefined
      ? partitionLayers(
          architecture.numLayers,
          devices.length,
          stageCosts(request, work),
          calibration.model !== "constant",
        )
      : givenStages(layersPerStage, architecture.numLayers, devices.length);
  return stages.map((stage) => ({ ...stage, recomputedLayers: recompute === "layer" ? numLayersOf(stage) : 0 }));
}

/** A proposal with the time that it would take if memory were no matter, which limits only lengthen. */
interface Ranked {
  readonly choice: WorkChoice;
  readonly draft: Draft;
  readonly unboundNs: number;
}

function rank(request: Costed, probe: Probe, choice: WorkChoice): Ranked {
  const work = draftWork(request, choice, probe.stepsOf);
  const draft = draftOf(work, partition(request, work), request.schedule);
  return { choice, draft, unboundNs: probe.wholeNs(orderDraft(request, draft, NO_LIMITS)) };
}

function candidateOf(ranked: Ranked, probe: Probe, outcome: Outcome | undefined): Candidate {
  const settled = outcome?.settled;
  return { ...ranked, outcome, wholeNs: settled === undefined ? null : probe.wholeNs(settled.ordered) };
}

/** How many times too large the fullest device is; the candidate of which it is least. */
function leastOverfull(request: Costed, candidates: readonly Candidate[]): Candidate {
  const overfull = ({ outcome, draft }: Candidate): number => {
    const shares = fullness(request, draft, outcome?.unsettled?.memory ?? []);
    return shares.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...shares);
  };
  return [...candidates].sort((a, b) => overfull(a) - overfull(b))[0]!;
}

/** The stages with some halves of layers moved from one to another, and those between them shifted. */
function withMoved(stages: readonly Stage[], halves: number, from: number, to: number): Stage[] {
  const lengths = stages.map(numHalvesOf);
  lengths[from]! -= halves;
  lengths[to]! += halves;
  let next = 0;
  return stages.map((_, index) => {
    const start = next;
    next += lengths[index]!;
    return stageOfHalves(index, stages.length, start, next);
  });
}

/**
 * The fastest with some halves of layers moved from the slowest stage to one of the least busy ones; undefined where
 * none fits.
 */
function moved(request: Costed, { ordered, limits }: Settled, halves: number): Settled | undefined {
  const { busyNs, draft } = ordered;
  const slowest = busyNs.indexOf(maximum(busyNs));
  if (numHalvesOf(draft.stages[slowest]!) < LEAST_HALVES + halves) return undefined;
  const others = busyNs
    .map((_, stage) => stage)
    .filter((stage) => stage !== slowest)
    .sort((a, b) => busyNs[a]! - busyNs[b]!)
    .slice(0, TARGETS);
  const settled = others.flatMap((to) => {
    const result = settle(request, { ...draft, stages: withMoved(draft.stages, halves, slowest, to) }, limits);
    return isSettled(result) ? [result] : [];
  });
  return settled.sort((a, b) => a.ordered.timeline.makespanNs - b.ordered.timeline.makespanNs)[0];
}

/**
 * Moves layers, else halves of them, from the slowest stage, which recomputation and rows may have made so, while that
 * saves time.
 */
export function rebalanced(request: Costed, settled: Settled): Settled {
  if (request.layersPerStage !== undefined) return settled;
  const sizes = request.calibration.model === "constant" ? [2] : [2, 1];
  let best = settled;
  for (let round = 0; round < MOVES; round += 1) {
    const most = best.ordered.timeline.makespanNs * (1 - LEAST_GAIN);
    let next: Settled | undefined;
    for (const halves of sizes) {
      const found = moved(request, best, halves);
      if (found !== undefined && found.ordered.timeline.makespanNs <= most) next ??= found;
      if (next !== undefined) break;
    }
    if (next === undefined) break;
    best = next;
  }
  return best;
}

/** What the search found for a chain of devices: every way that it tried, and the one to take. */
export interface SearchResult {
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate;
  readonly probe: Probe;
}

/** Cuts whose other numbers of groups are tried. */
const BEST_CUTS = 2;
/** Ways that are tried with fewer jobs at once. */
const MOST_HELD_BACK = 3;

/** Ways to do the work of one chain, each looked at once. */
class Exploration {
  readonly #request: Costed;
  readonly #probe: Probe;
  readonly #saving: number;
  readonly #candidates = new Map<string, Candidate>();
  #least = Number.POSITIVE_INFINITY;

  constructor(request: Costed, probe: Probe) {
    this.#request = request;
    this.#probe = probe;
    this.#saving = leastSaving(request);
  }

  get candidates(): readonly Candidate[] {
    return [...this.#candidates.values()];
  }

  /** Those that fit, the fastest first. */
  get fitting(): readonly Candidate[] {
    return this.candidates.filter(({ wholeNs }) => wholeNs !== null).sort((a, b) => a.wholeNs! - b.wholeNs!);
  }

  /**
   * Of those that are as good as the best the one with the longest micro-batches, so the fewest groups and cuts, and
   * with the most jobs at once.
   */
  get chosen(): Candidate | undefined {
    const good = this.fitting.filter(({ wholeNs }) => wholeNs! <= this.#least * (1 + this.#saving));
    const atOnce = ({ choice }: Candidate): number => choice.jobsAtOnce ?? this.#request.jobs.length;
    return good.sort(
      (a, b) =>
        a.choice.numGroups - b.choice.numGroups ||
        (b.choice.cutTokens ?? 0) - (a.choice.cutTokens ?? 0) ||
        atOnce(b) - atOnce(a),
    )[0];
  }

  /** Those that would be faster than the best if memory were no matter, the fastest then first. */
  get heldBack(): readonly Candidate[] {
    return this.candidates
      .filter(({ outcome, unboundNs }) => outcome !== undefined && unboundNs < this.#least * (1 - FELT))
      .sort((a, b) => a.unboundNs - b.unboundNs);
  }

  /**
   * In the order of the time that they would take if memory were no matter; those that cannot be the fastest any more
   * are not looked into.
   */
  look(choices: readonly WorkChoice[]): void {
    const ranked = choices
      .filter((choice) => !this.#candidates.has(keyOf(choice)))
      .map((choice) => rank(this.#request, this.#probe, choice))
      .sort((a, b) => a.unboundNs - b.unboundNs);
    for (const proposal of ranked) {
      const isSlower = proposal.unboundNs > this.#least * (1 + this.#saving);
      const outcome = isSlower ? undefined : chooseLimits(this.#request, proposal.draft, "quick");
      const candidate = candidateOf(proposal, this.#probe, outcome);
      this.#candidates.set(keyOf(proposal.choice), candidate);
      this.#least = Math.min(this.#least, candidate.wholeNs ?? this.#least);
    }
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
  exploration.look(best.flatMap(({ choice }) => groupCounts.map((numGroups) => ({ ...choice, numGroups }))));
  const { choice } = exploration.chosen!;
  exploration.look(between(cuts, choice.cutTokens).map((cutTokens) => ({ ...choice, cutTokens })));
}

/**
 * Looks at fewer jobs at once where memory binds; where that saves time, at sizes of micro-batches anew, since longer
 * ones fit then.
 */
function lookAtFewer(request: Costed, exploration: Exploration, { cuts, fewerAtOnce }: Proposals): void {
  const before = exploration.chosen!.choice;
  exploration.look(
    exploration.heldBack.slice(0, MOST_HELD_BACK).flatMap(({ choice }) => {
      const size = largestGroup(request, choice.numGroups);
      return fewerAtOnce.filter((fewer) => size <= fewer).map((jobsAtOnce) => ({ ...choice, jobsAtOnce }));
    }),
  );
  const { choice } = exploration.chosen!;
  if (choice.jobsAtOnce === before.jobsAtOnce) return;
  exploration.look(cuts.map((cutTokens) => ({ ...choice, cutTokens })));
  exploration.look(between(cuts, exploration.chosen!.choice.cutTokens).map((cutTokens) => ({ ...choice, cutTokens })));
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
      lookAtWork(exploration, offered, fitting.choice);
      lookAtFewer(request, exploration, offered);
    }
  }
  const { candidates, chosen } = exploration;
  return { candidates, chosen: chosen ?? leastOverfull(request, candidates), probe };
}
