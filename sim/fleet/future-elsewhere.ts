import {
  type Calibration,
  createCostModel,
  type FleetWork,
  type JobRequest,
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

/** What is told of a fleet since it was asked last. */
export interface ToldFleet {
  /** What jobs train that have come, in the order of their numbers; before it sizes of their rows. */
  readonly sizes: readonly WrittenSizes[];
  readonly added: readonly WrittenWork[];
  /** Jobs that are over, and hashes of sizes that no other has. */
  readonly over: readonly number[];
  readonly unused: readonly string[];
}

/** What is told of a fleet, and asked: when its jobs end, or what would be if one more came. */
export interface AskedFuture extends ToldFleet {
  readonly fleet: AskedFleet;
  /** Null where nothing is asked yet. */
  readonly state: FleetState | null;
  readonly comer?: (Omit<AskedComer, "work"> & { readonly work: WrittenComer }) | undefined;
}

interface WrittenComer {
  readonly work: WrittenWork;
  readonly sizes?: WrittenSizes | undefined;
}

export interface FutureAnswer {
  /** By number, when jobs end if all is as predicted, in nanoseconds of the fleet's clock. */
  readonly ends?: readonly (readonly [number: number, ns: number])[];
  readonly effect?: ComerEffect;
}

interface Known {
  readonly works: FleetWork[];
  readonly reader: WorkReader;
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
  const own = { works, reader: new WorkReader(), now: nowOf(fleet, works) };
  known.set(fleet.id, own);
  return own;
}

function readComer({ work, sizes }: WrittenComer): FleetWork {
  const reader = new WorkReader();
  if (sizes !== undefined) reader.sizes(sizes);
  return reader.read(work);
}

export function futureElsewhere(asked: AskedFuture): FutureAnswer {
  const { fleet, sizes, added, over, unused, state, comer } = asked;
  const { works, reader, now } = knownOf(fleet);
  for (const each of sizes) reader.sizes(each);
  for (const each of added) works.push(reader.read(each));
  for (const number of over) works[number] = { job: works[number]!.job, steps: [] };
  for (const hash of unused) reader.forget(hash);
  if (state === null) return {};
  if (comer === undefined) return { ends: [...expectedEnds({ ...now, state })] };
  const { request, policy } = comer;
  const work = readComer(comer.work);
  return { effect: comerEffect({ now: { ...nowOf(fleet, [...works, work], policy), state }, job: { request } }) };
}
