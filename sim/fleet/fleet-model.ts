import {
  type CostModel,
  type FleetJob,
  type FleetWork,
  type LearnedSizes,
  type Objective,
  type Policy,
  type PolicyName,
  policyOf,
  type Setting,
  settingResources,
} from "../../plan/index.ts";
import { CohortTimes } from "./cohort-times.ts";
import { type FleetMachines, fleetForecaster } from "./forecast.ts";
import { SharedPace } from "./shared-pace.ts";

/** The pipelines of a fleet (`fleetSetting`), and what its jobs train. */
export interface FleetSetting {
  readonly setting: Setting;
  readonly costs: CostModel;
  /** By the jobs' numbers. */
  readonly works: readonly FleetWork[];
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number;
  /** Sizes of jobs are learned from what these take; they are what is planned when absent. */
  readonly learned?: LearnedSizes;
}

/** What a fleet is simulated with. */
export interface FleetModel {
  readonly machines: FleetMachines;
  /** Those of the machines. */
  readonly times: CohortTimes;
  /** A policy by its name; `objective` is for those that have one. */
  readonly policyOf: (name: PolicyName, objective?: Objective) => Policy;
}

/** The machines of a setting, and policies that forecast with them. */
export function fleetModel({ setting, costs, works, most, learned }: FleetSetting): FleetModel {
  const times = new CohortTimes(setting, costs, works);
  const resources = settingResources({
    setting,
    works,
    ...(most === undefined ? {} : { most }),
    ...(learned === undefined ? {} : { learned }),
    iterationNs: (job: FleetJob) => times.iterationNs(0, [job])[0]!,
  });
  // A queue's future under many policies has more cohorts than can be simulated each by itself.
  const forecast = fleetForecaster({ times: new SharedPace(times, resources), isAhead: true });
  return {
    machines: { resources, times, isAhead: true },
    times,
    policyOf: (name, objective) =>
      policyOf(name, resources, { forecast, ...(objective === undefined ? {} : { objective }) }),
  };
}
