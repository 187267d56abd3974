import type { FleetPart } from "../../fleet-data.ts";
import { lossesSection } from "../losses.ts";
import { createObservable } from "../observable.ts";
import type { FleetState } from "./fleet-state.ts";

/** Loss curves of a fleet that trained for real; the job that is pointed at stands out. */
export function fleetLosses(fleets: readonly FleetPart[], { pointed }: FleetState): HTMLElement | undefined {
  const executed = fleets.find(({ losses }) => losses !== undefined);
  if (executed?.losses === undefined) return undefined;
  const { losses, heldOut = [], jobs } = executed;
  const trained = new Set(losses.map(({ job }) => job));
  const highlightedJob = createObservable<number | null>(null);
  pointed.subscribe((at) => highlightedJob.set(at !== null && trained.has(at.job) ? at.job : null));
  return lossesSection({ losses, heldOut, jobs, highlightedJob });
}
