import {
  type Calibration,
  createCostModel,
  type FleetWork,
  type JobRequest,
  type PolicyName,
  type Setting,
} from "../../plan/index.ts";
import { fleetModel } from "./fleet-model.ts";
import type { FleetState } from "./fleet-state.ts";
import type { FleetMachines } from "./forecast.ts";
import { expectedEnds, type FleetNow } from "./predict-ends.ts";
import { type ComerEffect, comerEffect } from "./what-if.ts";

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

/** A job that might come. */
export interface AskedComer {
  readonly work: FleetWork;
  readonly request: JobRequest;
  /** Another one than the fleet's. */
  readonly policy?: PolicyName;
}

/** What is told of a fleet, and asked: when its jobs end, or what would be if one more came. */
export interface AskedFuture {
  readonly fleet: AskedFleet;
  /** What jobs train that have come since it was asked last, in the order of their numbers. */
  readonly added: readonly FleetWork[];
  /** Null where nothing is asked yet. */
  readonly state: FleetState | null;
  readonly comer?: AskedComer | undefined;
}

export interface FutureAnswer {
  /** By number, when jobs end if all is as predicted, in nanoseconds of the fleet's clock. */
  readonly ends?: readonly (readonly [number: number, ns: number])[];
  readonly effect?: ComerEffect;
}

interface Known {
  readonly works: FleetWork[];
  readonly now: Omit<FleetNow, "state">;
}

/** Of this thread, by the fleets' ids. */
const known = new Map<number, Known>();

/** What a fleet's future is simulated with. */
function nowOf(
  { setting, calibration, most, policy: own }: AskedFleet,
  works: readonly FleetWork[],
  policy = own,
): Known["now"] {
  const costs = createCostModel(calibration, setting.model.dtype);
  const model = fleetModel({ setting, costs, works, ...(most === undefined ? {} : { most }) });
  const deciding = model.policyOf(policy);
  const machines: FleetMachines = { resources: model.resources, times: model.timesOf(deciding), isAhead: true };
  return { machines, policy: deciding };
}

function knownOf(fleet: AskedFleet): Known {
  const before = known.get(fleet.id);
  if (before !== undefined) return before;
  const works: FleetWork[] = [];
  const own = { works, now: nowOf(fleet, works) };
  known.set(fleet.id, own);
  return own;
}

export function futureElsewhere({ fleet, added, state, comer }: AskedFuture): FutureAnswer {
  const { works, now } = knownOf(fleet);
  works.push(...added);
  if (state === null) return {};
  if (comer === undefined) return { ends: [...expectedEnds({ ...now, state })] };
  const { work, request, policy } = comer;
  return { effect: comerEffect({ now: { ...nowOf(fleet, [...works, work], policy), state }, job: { request } }) };
}
