import { InputError } from "../../core/index.ts";
import {
  type CostModel,
  type FleetJob,
  type FleetWork,
  type LearnedSizes,
  type Objective,
  type Policy,
  type PolicyFactory,
  type PolicyName,
  packGreedily,
  policyOf,
  type Resources,
  type Setting,
  settingResources,
} from "../../plan/index.ts";
import { hasBlockingLinks } from "../tasks/blocking-tasks.ts";
import { type CohortOptions, CohortTimes, type Pack } from "./cohort-times.ts";
import { fleetForecaster } from "./forecast.ts";
import { SharedPace } from "./shared-pace.ts";

/** The pipelines of a fleet (`fleetSetting`), and what its jobs train. */
export interface FleetSetting {
  readonly setting: Setting;
  readonly costs: CostModel;
  /** By the jobs' numbers. */
  readonly works: readonly FleetWork[];
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number;
  /** How rows are packed where jobs share micro-batches. */
  readonly pack?: Pack;
  /** How long iterations take: simulated when absent. */
  readonly pace?: CohortOptions["pace"];
  /** Sizes of jobs are learned from what these take; they are what is planned when absent. */
  readonly learned?: LearnedSizes;
}

/** What a fleet is simulated with. */
export interface FleetModel {
  readonly resources: Resources;
  /** A policy, by its name or as a person made it; `objective` is for those that have one. */
  readonly policyOf: (policy: PolicyName | PolicyFactory, objective?: Objective) => Policy;
  /** How long iterations take under a policy: jobs share micro-batches where it wants that. */
  readonly timesOf: (policy: Policy) => CohortTimes;
}

/** @throws InputError for links that jobs over time are not simulated over */
function checkLinks(setting: Setting): void {
  if (!hasBlockingLinks(setting)) return;
  throw new InputError({
    expected: "transfers that are overlapped or synchronous, for jobs over time",
    at: "transfers",
    got: "blocking",
    hint: "Give the workload without --policy, or change `transfers` of the link or the network.",
  });
}

/**
 * The machines of a setting, and policies that forecast with them.
 * @throws InputError for links that block both sides
 */
export function fleetModel({
  setting,
  costs,
  works,
  most,
  pack = packGreedily,
  pace,
  learned,
}: FleetSetting): FleetModel {
  checkLinks(setting);
  const alone = new CohortTimes(setting, costs, works, { pace });
  const resources = settingResources({
    setting,
    works,
    ...(most === undefined ? {} : { most }),
    ...(learned === undefined ? {} : { learned }),
    iterationNs: (job: FleetJob) => alone.iterationNs(0, [job])[0]!,
  });
  // A queue's future under many policies has more cohorts than can be simulated each by itself.
  const forecast = fleetForecaster({ times: new SharedPace(alone, resources), isAhead: true });
  let shared: CohortTimes | undefined;
  return {
    resources,
    policyOf: (policy, objective) =>
      typeof policy === "string"
        ? policyOf(policy, resources, { forecast, ...(objective === undefined ? {} : { objective }) })
        : policy(resources),
    timesOf({ sharesMicroBatches }) {
      if (sharesMicroBatches !== true) return alone;
      shared ??= new CohortTimes(setting, costs, works, { pack, pace });
      return shared;
    },
  };
}
