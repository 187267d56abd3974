import { createCostModel } from "../costs/cost-model.ts";
import type { ScheduleName } from "../documents/setting.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { type ChainRequest, divide, pipelineCounts } from "./divide.ts";
import type { TriedDivision } from "./explanation.ts";
import type { WorkChoice } from "./propose.ts";
import type { Costed, PlanRequest } from "./request.ts";
import { leastSaving, type SearchResult, searchChain } from "./search.ts";

/** Divisions whose times, as the planner sees them, are this near to the best's are judged by the simulator. */
const NEARLY = 1.1;

/**
 * What is searched where the schedule is left open, and what the best is tried in after that: neither GPipe nor one
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

/** `given`: by pipeline, the only way to do its work. */
function tryDivision(
  request: Costed,
  numPipelines: number,
  leastNs: number,
  given: readonly WorkChoice[] = [],
): Division {
  const chains: { readonly chain: ChainRequest; readonly search: SearchResult }[] = [];
  let slowest = 0;
  let wholeNs = 0;
  for (const [pipeline, chain] of divide(request, numPipelines).entries()) {
    const search = searchChain(chain.request, 1 / numPipelines, given[pipeline]);
    chains.push({ chain, search });
    const ns = search.chosen.wholeNs ?? Number.POSITIVE_INFINITY;
    if (ns > wholeNs) [wholeNs, slowest] = [ns, chains.length - 1];
    if (wholeNs > NEARLY * leastNs) break;
  }
  const { chain, search } = chains[slowest]!;
  return { numPipelines, request: chain.request, search, chains, wholeNs };
}

/** The work of a division in another order. */
function inOrderOf(schedule: ScheduleName, request: Costed, { numPipelines, chains }: Division): Division {
  const given = chains.map(({ chain, search: { chosen } }): WorkChoice => {
    const { interleavesGroups } = SCHEDULE_TABLE[schedule];
    const { choice } = chosen.candidate;
    return interleavesGroups ? choice : { ...choice, numGroups: chain.jobs.length, jobsAtOnce: null };
  });
  return tryDivision({ ...request, schedule }, numPipelines, Number.POSITIVE_INFINITY, given);
}

/**
 * The best division's work in the other schedules: those that save time first, and all behind it. A number of groups
 * that was asked for stays.
 */
function withOtherSchedules(request: Costed, divisions: readonly Division[]): readonly Division[] {
  const [best] = divisions;
  // Where nothing fits there is nothing to order, and on one device an order changes no times.
  if (!Number.isFinite(best!.wholeNs) || best!.request.devices.length === 1) return divisions;
  const schedules = OTHERS.filter(
    (schedule) => SCHEDULE_TABLE[schedule].interleavesGroups || typeof request.groups !== "number",
  );
  const others = schedules.map((schedule) => inOrderOf(schedule, request, best!));
  const faster = others.filter(({ wholeNs }) => wholeNs < best!.wholeNs * (1 - leastSaving(request)));
  return [...faster, ...divisions, ...others.filter((each) => !faster.includes(each))];
}

/**
 * Every number of pipelines worth a look, the fastest first, and where it is left open the best of them in other
 * schedules. @throws InputError
 */
export function tryDivisions(planRequest: PlanRequest): readonly Division[] {
  const costModel = createCostModel(planRequest.calibration, planRequest.dtype);
  const isOpen = planRequest.schedule === "auto";
  const schedule = planRequest.schedule === "auto" ? FIRST_CHOICE : planRequest.schedule;
  const request: Costed = { ...planRequest, schedule, costModel };
  let leastNs = Number.POSITIVE_INFINITY;
  const divisions = pipelineCounts(request).map((numPipelines) => {
    const division = tryDivision(request, numPipelines, leastNs);
    leastNs = Math.min(leastNs, division.wholeNs);
    return division;
  });
  const byTime = divisions.sort((a, b) => a.wholeNs - b.wholeNs || a.numPipelines - b.numPipelines);
  return isOpen ? withOtherSchedules(request, byTime) : byTime;
}

/** The first division, and those of its schedule that are nearly as fast. */
export function nearlyBest(divisions: readonly Division[]): readonly Division[] {
  const [best] = divisions;
  const { schedule } = best!.request;
  const near = divisions.filter(
    ({ wholeNs, request }) => request.schedule === schedule && wholeNs <= NEARLY * best!.wholeNs,
  );
  return near.length === 0 ? [best!] : near;
}
