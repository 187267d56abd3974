import { maximum, sum } from "../../core/index.ts";
import { BACKWARD } from "../actions/action.ts";
import { weighedTokens } from "../actions/job-rows.ts";
import { letterOf } from "../actions/order.ts";
import type { OrderedDraft } from "./order-draft.ts";
import type { Costed } from "./request.ts";

/** Rows x stages of a probe, about: some thousand actions, which take milliseconds to order. */
const PROBE_SIZE = 6000;
/** Steps of the longest job that a probe has at least. */
const LEAST_STEPS = 6;

/** The first steps of every job, in proportion to its steps: what choices are judged on. */
export interface Probe {
  stepsOf(job: number): number;
  /** Whether it is the whole run. */
  readonly isWhole: boolean;
  /** Nanoseconds of the whole run, from the probe in order. */
  wholeNs(ordered: OrderedDraft): number;
  /** Without an order: no run takes less that has so many stages, of which each computes for so long. */
  leastNs(numStages: number, busyOn: (stage: number) => number): number;
  /** About how many actions the whole run has where the probe has so many. */
  wholeActions(probed: number): number;
}

/**
 * From the start to the end of the first backward on the first stage, less what that stage computes of it: the pipeline
 * fills, and once it empties.
 */
function fillNs({ orders, timeline }: OrderedDraft): number {
  const first = orders[0]!.findIndex((action) => letterOf(action) === BACKWARD);
  let computed = 0;
  for (let at = 0; at <= first; at += 1) computed += timeline.endNs[0]![at]! - timeline.startNs[0]![at]!;
  return Math.max(0, timeline.endNs[0]![first]! - computed);
}

export function probeOf({ jobs, rows, devices }: Costed, effort: number): Probe {
  const longest = Math.max(...rows.map(({ steps }) => steps.length));
  const size = devices.length * sum(jobs.map(({ batchSize }, job) => batchSize * rows[job]!.steps.length));
  const share = Math.min(1, Math.max((effort * PROBE_SIZE) / size, LEAST_STEPS / longest));
  const steps = rows.map((each) => Math.max(1, Math.round(share * each.steps.length)));
  const isWhole = rows.every((each, job) => steps[job] === each.steps.length);
  const all = sum(rows.map((each) => weighedTokens(each)));
  const probed = sum(rows.map((each, job) => weighedTokens(each, steps[job])));
  return {
    isWhole,
    stepsOf: (job) => steps[job]!,
    wholeActions: (probedActions) => (isWhole ? probedActions : (probedActions * all) / probed),
    // Once the pipeline has filled, its first stage has to do all of its work.
    leastNs: (numStages, busyOn) =>
      isWhole ? maximum(Array.from({ length: numStages }, (_, stage) => busyOn(stage))) : (busyOn(0) * all) / probed,
    wholeNs(ordered) {
      const { makespanNs } = ordered.timeline;
      if (isWhole) return makespanNs;
      const fill = Math.min(fillNs(ordered), makespanNs);
      return fill + ((makespanNs - fill) * all) / probed;
    },
  };
}
