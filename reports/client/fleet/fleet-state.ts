import type { FleetPart } from "../../fleet-data.ts";
import { createObservable, type Observable } from "../observable.ts";

/** What the reader points at: a span of a job, and where on the page (client coordinates) its box belongs. */
export interface Pointed {
  readonly fleet: FleetPart;
  readonly job: number;
  /** -1 for a job that was refused at once. */
  readonly span: number;
  readonly x: number;
  readonly y: number;
}

/** A job that the reader asked for. */
export type Revealed = Pick<Pointed, "fleet" | "job">;

/** What the sections of a fleet's page share. */
export interface FleetState {
  readonly pointed: Observable<Pointed | null>;
  /** The job to bring into view. */
  readonly revealed: Observable<Revealed | null>;
}

export function createFleetState(): FleetState {
  return {
    pointed: createObservable<Pointed | null>(null),
    revealed: createObservable<Revealed | null>(null),
  };
}
