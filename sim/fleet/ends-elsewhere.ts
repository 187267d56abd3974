import {
  type Calibration,
  createCostModel,
  type FleetWork,
  type PolicyName,
  type Setting,
  WorkReader,
  type WrittenSizes,
  type WrittenWork,
} from "../../plan/index.ts";
import { fleetModel } from "./fleet-model.ts";
import type { FleetState } from "./fleet-state.ts";
import type { FleetMachines } from "./forecast.ts";
import { expectedEnds, type FleetNow } from "./predict-ends.ts";

/** A fleet that is asked about again and again where its memory is not: data that can be copied. */
export interface AskedFleet {
  /** Another one for each fleet of a process. */
  readonly id: number;
  readonly setting: Setting;
  readonly calibration: Calibration;
  readonly policy: PolicyName;
  /** The most jobs that train at once on a pipeline, if there is a most. */
  readonly most?: number;
}

/** What is told of a fleet, and asked. */
export interface AskedEnds {
  readonly fleet: AskedFleet;
  /** What jobs train that have come since it was asked last, in the order of their numbers; before it sizes of their rows. */
  readonly sizes: readonly WrittenSizes[];
  readonly added: readonly WrittenWork[];
  /** Jobs that are over since then, and hashes of sizes that no other has. */
  readonly over: readonly number[];
  readonly unused: readonly string[];
  /** Null where nothing is asked yet. */
  readonly state: FleetState | null;
}

interface Known {
  readonly works: FleetWork[];
  readonly reader: WorkReader;
  readonly now: Omit<FleetNow, "state">;
}

/** Of this thread, by the fleets' ids. */
const known = new Map<number, Known>();

function knownOf({ id, setting, calibration, policy, most }: AskedFleet): Known {
  const before = known.get(id);
  if (before !== undefined) return before;
  const works: FleetWork[] = [];
  const costs = createCostModel(calibration, setting.model.dtype);
  const model = fleetModel({ setting, costs, works, ...(most === undefined ? {} : { most }) });
  const deciding = model.policyOf(policy);
  const machines: FleetMachines = { resources: model.resources, times: model.timesOf(deciding), isAhead: true };
  const own = { works, reader: new WorkReader(), now: { machines, policy: deciding } };
  known.set(id, own);
  return own;
}

/** By number, when the jobs of a fleet end if all is as predicted, in nanoseconds of its clock. */
export function endsElsewhere(asked: AskedEnds): readonly (readonly [number: number, ns: number])[] {
  const { fleet, sizes, added, over, unused, state } = asked;
  const { works, reader, now } = knownOf(fleet);
  for (const each of sizes) reader.sizes(each);
  for (const each of added) works.push(reader.read(each));
  for (const number of over) works[number] = { job: works[number]!.job, steps: [] };
  for (const hash of unused) reader.forget(hash);
  return state === null ? [] : [...expectedEnds({ ...now, state })];
}
