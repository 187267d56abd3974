import { InputError, PlanError } from "../../core/index.ts";
import type { ScheduleName } from "../documents/setting.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { type ChainRequest, checkWhole, divide, pipelineCounts } from "./divide.ts";
import type { TriedDivision } from "./explanation.ts";
import type { WorkChoice } from "./propose.ts";
import { requestCosts } from "./remembered-costs.ts";
import type { Costed, PlanRequest } from "./request.ts";
import { type SearchResult, searchChain } from "./search.ts";

/** A division whose time, as its probe says it, is so many times the best's may still turn out to be faster. */
const NEARLY = 1.1;
/** The same for another order of a division that is known in one. */
const NEARLY_IN_ORDER = 1.01;
/** Divisions that are tried in other orders. */
const MOST_IN_ORDERS = 2;

/** Of all stages together: each takes half a kilobyte while a plan is made, and one more while it is simulated. */
const MOST_ACTIONS = 2 ** 22;

/** What each of so many pipelines may have of them. */
export function mostActionsOf(numPipelines: number): number {
  return MOST_ACTIONS / numPipelines;
}

/**
 * What is searched where the schedule is left open, and what the best are tried in after that: neither GPipe nor one
 * micro-batch at a time beats these.
 */
const FIRST_CHOICE: ScheduleName = "lorapp";
const OTHERS: readonly ScheduleName[] = ["lorapp-gpipe", "1f1b"];

/** A division with every pipeline searched; those that follow one that is too slow, or does not fit, are not. */
export interface Division extends TriedDivision {
  readonly chains: readonly { readonly chain: ChainRequest; readonly search: SearchResult }[];
  /** Of the pipeline that takes longest; infinite where one does not fit. */
  readonly wholeNs: number;
}

/**
 * `mostNs`: more make a division of no use. `from`: by pipeline, the way to do its work from which others are looked for.
 */
function tryDivision(
  request: Costed,
  numPipelines: number,
  mostNs: number,
  from: readonly WorkChoice[] = [],
): Division {
  const chains: { readonly chain: ChainRequest; readonly search: SearchResult }[] = [];
  let slowest = 0;
  let wholeNs = 0;
  for (const [pipeline, chain] of divide(request, numPipelines).entries()) {
    checkWhole(chain.request, request);
    const mostActions = mostActionsOf(numPipelines);
    const search = searchChain(chain.request, { share: 1 / numPipelines, from: from[pipeline], mostNs, mostActions });
    chains.push({ chain, search });
    const ns = search.chosen.wholeNs ?? Number.POSITIVE_INFINITY;
    if (ns > wholeNs) [wholeNs, slowest] = [ns, chains.length - 1];
    if (wholeNs > mostNs) break;
  }
  const { chain, search } = chains[slowest]!;
  return { numPipelines, request: chain.request, search, chains, wholeNs };
}

/** The work of a division in another order, which has to take at most so long. */
function inOrderOf(
  schedule: ScheduleName,
  request: Costed,
  { numPipelines, chains }: Division,
  mostNs: number,
): Division {
  const from = chains.map(({ chain, search: { chosen } }): WorkChoice => {
    const { interleavesGroups } = SCHEDULE_TABLE[schedule];
    const { choice } = chosen.candidate;
    return interleavesGroups ? choice : { ...choice, numGroups: chain.jobs.length, jobsAtOnce: null };
  });
  return tryDivision({ ...request, schedule }, numPipelines, mostNs, from);
}

/** The work of the best divisions in the other schedules. A number of groups that was asked for stays. */
function inOtherOrders(request: Costed, byTime: readonly Division[]): readonly Division[] {
  const [best] = byTime;
  // Where nothing fits there is nothing to order, and on one device an order changes no times.
  const ordered = byTime
    .filter(
      ({ wholeNs, chains }) => Number.isFinite(wholeNs) && chains.some(({ chain }) => chain.request.devices.length > 1),
    )
    .filter(({ wholeNs }) => wholeNs <= NEARLY * best!.wholeNs)
    .slice(0, MOST_IN_ORDERS);
  const schedules = OTHERS.filter(
    (schedule) => SCHEDULE_TABLE[schedule].interleavesGroups || typeof request.groups !== "number",
  );
  return ordered.flatMap((division) =>
    schedules.map((schedule) => inOrderOf(schedule, request, division, NEARLY_IN_ORDER * best!.wholeNs)),
  );
}

/**
 * Every number of pipelines that is possible, the fastest first, and behind them where it is left open the best of them
 * in other schedules.
 * @throws InputError, PlanError where none is possible: why the first is not
 */
export function tryDivisions(planRequest: PlanRequest): readonly Division[] {
  const costModel = planRequest.costModel ?? requestCosts(planRequest);
  const isOpen = planRequest.schedule === "auto";
  const schedule = planRequest.schedule === "auto" ? FIRST_CHOICE : planRequest.schedule;
  const request: Costed = { ...planRequest, schedule, costModel };
  const divisions: Division[] = [];
  let leastNs = Number.POSITIVE_INFINITY;
  let reason: unknown;
  for (const numPipelines of pipelineCounts(request)) {
    try {
      const division = tryDivision(request, numPipelines, NEARLY * leastNs);
      leastNs = Math.min(leastNs, division.wholeNs);
      divisions.push(division);
    } catch (error) {
      // More devices in a chain than layers, or more groups than jobs: impossible for this number of pipelines.
      if (!(error instanceof PlanError || error instanceof InputError)) throw error;
      reason ??= error;
    }
  }
  if (divisions.length === 0) throw reason;
  divisions.sort((a, b) => a.wholeNs - b.wholeNs || a.numPipelines - b.numPipelines);
  return isOpen ? [...divisions, ...inOtherOrders(request, divisions)] : divisions;
}

/** Those that are nearly as fast as the best, the schedule that is searched first. */
export function nearlyBest(divisions: readonly Division[]): readonly Division[] {
  const leastNs = Math.min(...divisions.map(({ wholeNs }) => wholeNs));
  const { schedule } = divisions[0]!.request;
  const near = divisions.filter(
    ({ wholeNs, request }) => wholeNs <= leastNs * (request.schedule === schedule ? NEARLY : NEARLY_IN_ORDER),
  );
  return near.length === 0 ? [divisions[0]!] : near;
}
