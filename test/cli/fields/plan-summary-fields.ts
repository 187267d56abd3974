import { sum } from "../../../core/index.ts";
import type { ConsideredWay } from "../../../plan/index.ts";
import { blank, type FieldTable, owner, under } from "./check-fields.ts";
import { is, matches, oneOf, same, that, whole } from "./checks.ts";
import { number, predictedFields, STAGE, tokensOf } from "./plan-fields.ts";
import { DEVICES, JOBS, LAYERS, type Pass } from "./small-pass.ts";

/** A way that the planner looked at. */
const WAY: FieldTable = {
  numPipelines: is(1),
  schedule: matches(/^[a-z0-9-]+$/),
  numGroups: whole(1, JOBS.length),
  jobsAtOnce: blank("there is memory for all", is(null)),
  isShared: oneOf([true, false]),
  microBatchTokens: blank("every job says how it is cut", is(null)),
  inFlight: that("a number for each stage, or none where nobody looked", (value: readonly number[]) =>
    value.every((each) => each >= 1 && each <= 64),
  ),
  recomputedLayers: that(
    "all layers of each stage",
    (value: readonly number[]) => value.length === 0 || sum(value) === LAYERS,
  ),
  seconds: that("a time, or null where nobody looked", (value: number | null, place) =>
    value === null ? owner<{ readonly state: string }>(place).state !== "chosen" : value > 0 && value < 10,
  ),
  unboundSeconds: that("about as long, where memory is enough", (value: number, place) => {
    const { seconds } = owner<ConsideredWay>(place);
    // What is looked into is tried in more ways than what memory does not bind.
    return value > 0 && value < 10 && (seconds === null || Math.abs(seconds / value - 1) < 0.1);
  }),
  state: same((place) => {
    const { seconds } = owner<{ readonly seconds: number | null }>(place);
    return seconds === null ? "not looked into" : number(place) === 0 ? "chosen" : "slower";
  }),
};

/** What `plan --json` prints. */
export function planSummaryFields(pass: Pass, intervals: FieldTable): FieldTable {
  const { setting, segments } = pass.plan;
  const { groups, microBatches, jobs } = segments[0]!;
  const names = (list: readonly number[]): readonly string[] =>
    [...new Set(list)].sort((a, b) => a - b).map((job) => jobs[job]!.name);
  const members = (group: number): readonly number[] => groups[group]!.members.map(({ job }) => job);
  const batch = (key: "index" | "group" | "step" | "part") => same((place) => microBatches[number(place)]![key]);
  const device = (key: "name" | "type" | "kind") => same((place) => setting.devices[number(place)]![key]);
  const { search } = pass.printed["plan"] as { readonly search: { readonly ways: readonly ConsideredWay[] } };
  /** Of the ways in which jobs share micro-batches, or of the others. */
  const best = (isShared: boolean): number =>
    Math.min(...search.ways.flatMap((way) => (way.isShared === isShared && way.seconds !== null ? [way.seconds] : [])));
  return {
    planHash: is(pass.plan.hash),
    schedule: is(setting.schedule),
    fused: blank(
      "sharing may not pay",
      same(() => groups.some((group) => group.members.length > 1)),
    ),
    maxInFlight: is(setting.maxInFlight),
    jobsAtOnce: is(JOBS.length),
    "devices[].name": device("name"),
    "devices[].type": device("type"),
    "devices[].kind": device("kind"),
    ...under("stages[].", STAGE),
    "stages[].device": same((place) => DEVICES[number(place)]),
    "stages[].memory": same((place) => setting.memory[number(place)]),
    "pipelines[].index": blank("there is one pipeline", is(0)),
    "pipelines[].stages": is(DEVICES.map((_, stage) => stage)),
    "pipelines[].devices": is(DEVICES),
    "pipelines[].groups": is(groups.map((_, group) => group)),
    "pipelines[].jobs": is(JOBS.map(({ name }) => name)),
    "pipelines[].microBatches": is(microBatches.length),
    "pipelines[].tokens": is(sum(microBatches.map(tokensOf))),
    "groups[].index": same(number),
    "groups[].jobs": same((place) => names(members(number(place)))),
    "microBatches[].index": batch("index"),
    "microBatches[].group": batch("group"),
    "microBatches[].step": batch("step"),
    "microBatches[].part": batch("part"),
    "microBatches[].jobs": same((place) => names(microBatches[number(place)]!.rows.map(([job]) => job))),
    "microBatches[].tokens": same((place) => tokensOf(microBatches[number(place)]!)),
    "costs.model": is("measured"),
    "costs.meanError": is(pass.calibration.holdOut.meanAbsError),
    "search.binding": blank("there is memory enough", is(null)),
    "search.sharing": blank(
      "the planner may have looked into one of both only",
      same(() => {
        const [sharedSeconds, separateSeconds] = [best(true), best(false)];
        return sharedSeconds < Infinity && separateSeconds < Infinity ? { sharedSeconds, separateSeconds } : null;
      }),
    ),
    ...under("search.ways[].", WAY),
    ...under("predicted.", predictedFields(pass)),
    ...under("predicted.intervals.", intervals),
  };
}
