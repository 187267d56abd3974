import type { Place } from "../../files/index.ts";
import { type RunKind, runKindOf } from "../folder/run-files.ts";
import { findResumableFleet, type ResumableFleet } from "./resume-fleet.ts";
import { findResumablePlan, type ResumablePlan } from "./resume-plan.ts";

/** A run that did not get to its end, and where it can go on. */
export type Resumable = ResumablePlan | ResumableFleet;

/** By kind, what reads a folder. */
const FINDERS = { plan: findResumablePlan, fleet: findResumableFleet } as const;

/**
 * Finds what a run can go on from: its newest whole checkpoint, and the journal behind it. Nothing is changed. `kind`:
 * what the folder has to be of.
 * @throws InputError for a run that cannot be resumed
 */
export function findResumable(place: Place, given: string): Resumable;
export function findResumable<K extends RunKind>(
  place: Place,
  given: string,
  kind: K,
): Extract<Resumable, { readonly kind: K }>;
export function findResumable(place: Place, given: string, kind?: RunKind): Resumable {
  return FINDERS[kind ?? runKindOf(place, given) ?? "plan"](place, given);
}
