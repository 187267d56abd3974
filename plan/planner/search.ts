import type { Stage } from "../documents/plan.ts";
import { numHalvesOf } from "../stage-layers.ts";
import { fullness } from "./capacity.ts";
import { type Draft, type DraftedWork, draftWork, type WorkChoice } from "./draft.ts";
import { chooseLimits, isSettled, type Outcome, type Settled, settle } from "./limits.ts";
import { NO_LIMITS, orderDraft } from "./order-draft.ts";
import { givenStages, partitionLayers, stageOfHalves } from "./partition.ts";
import { type Probe, probeOf } from "./probe.ts";
import { between, proposals } from "./propose.ts";
import type { Costed } from "./request.ts";
import { stageCosts } from "./stage-costs.ts";

/** Of the time, what more groups have to save: they are more actions, and measured cost models are no more exact. */
const LEAST_SAVING = { measured: 0.03, other: 0.005 } as const;
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
  const { architecture, devices, layersPerStage, calibration } = request;
  return layersPerStage === undefined
    ? partitionLayers(
        architecture.numLayers,
        devices.length,
        stageCosts(request, work),
        calibration.model !== "constant",
      )
    : givenStages(layersPerStage, architecture.numLayers, devices.length);
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

/** The stages with one layer moved from one to another, and those between them shifted. */
function withLayerMoved(stages: readonly Stage[], from: number, to: number): Stage[] {
  const lengths = stages.map(numHalvesOf);
  lengths[from]! -= 2;
  lengths[to]! += 2;
  let next = 0;
  return stages.map((_, index) => {
    const start = next;
    next += lengths[index]!;
    return stageOfHalves(index, stages.length, start, next);
  });
}

/** Moves layers from the slowest stage, which recomputation and rows may have made so, to the least busy ones while that saves time. */
export function rebalanced(request: Costed, settled: Settled): Settled {
  if (request.layersPerStage !== undefined) return settled;
  let best = settled;
  for (let round = 0; round < MOVES; round += 1) {
    const { busyNs, draft, timeline } = best.ordered;
    const slowest = busyNs.indexOf(Math.max(...busyNs));
    if (numHalvesOf(draft.stages[slowest]!) < 4) break;
    const others = busyNs
      .map((_, stage) => stage)
      .filter((stage) => stage !== slowest)
      .sort((a, b) => busyNs[a]! - busyNs[b]!)
      .slice(0, TARGETS);
    const moved = others.flatMap((to) => {
      const stages = withLayerMoved(draft.stages, slowest, to);
      const result = settle(request, { ...draft, stages }, best.limits);
      return isSettled(result) ? [result] : [];
    });
    const fastest = moved.sort((a, b) => a.ordered.timeline.makespanNs - b.ordered.timeline.makespanNs)[0];
    if (fastest === undefined || fastest.ordered.timeline.makespanNs > timeline.makespanNs * (1 - LEAST_GAIN)) break;
    best = fastest;
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
    this.#saving = LEAST_SAVING[request.calibration.model === "measured" ? "measured" : "other"];
  }

  get candidates(): readonly Candidate[] {
    return [...this.#candidates.values()];
  }

  /** Those that fit, the fastest first. */
  get fitting(): readonly Candidate[] {
    return this.candidates.filter(({ wholeNs }) => wholeNs !== null).sort((a, b) => a.wholeNs! - b.wholeNs!);
  }

  /** Of those that are as good as the best the one with the longest micro-batches, so the fewest groups and cuts. */
  get chosen(): Candidate | undefined {
    const good = this.fitting.filter(({ wholeNs }) => wholeNs! <= this.#least * (1 + this.#saving));
    return good.sort(
      (a, b) => a.choice.numGroups - b.choice.numGroups || (b.choice.cutTokens ?? 0) - (a.choice.cutTokens ?? 0),
    )[0];
  }

  /** In the order of the time that they would take if memory were no matter; those that cannot be the fastest any more are not looked into. */
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

function keyOf({ numGroups, cutTokens }: WorkChoice): string {
  return `${numGroups} ${cutTokens}`;
}

/**
 * The best way for one chain of devices, on a probe: first sizes of micro-batches with every job alone, then the other numbers of groups with the best of them, then
 * sizes between. Where the shortest micro-batches do not fit, nothing does. `share`: of the effort, where there are other chains.
 */
export function searchChain(request: Costed, share = 1): SearchResult {
  const probe = probeOf(request, share);
  const { cuts, groupCounts } = proposals(request);
  const most = groupCounts.at(-1)!;
  const exploration = new Exploration(request, probe);
  exploration.look([{ numGroups: most, cutTokens: cuts.at(-1)! }]);
  if (exploration.fitting.length > 0) {
    exploration.look(cuts.map((cutTokens) => ({ numGroups: most, cutTokens })));
    const best = exploration.fitting.slice(0, BEST_CUTS);
    exploration.look(
      best.flatMap(({ choice: { cutTokens } }) => groupCounts.map((numGroups) => ({ numGroups, cutTokens }))),
    );
    const { numGroups, cutTokens } = exploration.chosen!.choice;
    exploration.look(between(cuts, cutTokens).map((tokens) => ({ numGroups, cutTokens: tokens })));
  }
  const { candidates, chosen } = exploration;
  return { candidates, chosen: chosen ?? leastOverfull(request, candidates), probe };
}
