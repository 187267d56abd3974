import { createRng, sum } from "../core/index.ts";
import type { CandidateFleet } from "./candidate-fleet.ts";
import type { DrawnJob } from "./draw-jobs.ts";
import { drawnFactor } from "./error-draws.ts";
import { type LevelGroup, lateShare, levelHours } from "./level.ts";
import { type SlotFleet, simulateSlots, workSeconds } from "./slot-fleet.ts";
import type { SpotPlan } from "./spot.ts";

/** What a simulation came to: the same for candidates that differ in how their accelerators are had alone. */
export interface SeenDraw {
  /** By group of kinds. */
  readonly hours: readonly number[];
  readonly late: readonly number[];
  /** Of all slots. */
  readonly busySeconds: number;
}

/** By the names of candidates and draws (`simulatedAs`). */
export type SeenDraws = Map<string, SeenDraw>;

/** A name that candidates share of which a simulation says the same. */
export function simulatedAs({ candidate, kinds, spot }: CandidateFleet, draw: number): string {
  const { tenure: _tenure, ...machines } = candidate;
  return JSON.stringify([machines, kinds, spot === undefined, draw]);
}

/** What interruptions make of the expected times of jobs in a draw; as expected in the first one. */
function luckIn(draw: number, seed: number, spot: SpotPlan, fleet: SlotFleet): SlotFleet["luckOf"] {
  const known = new Map<string, number>();
  return (job) => {
    let luck = known.get(job.name);
    if (luck === undefined) {
      const seconds = workSeconds(fleet, job);
      const rng = createRng(`interruptions of ${job.name} in draw ${draw}, seed ${seed}`);
      luck = spot.drawnSeconds(seconds, rng) / spot.expectedSeconds(seconds);
      known.set(job.name, luck);
    }
    return luck;
  };
}

/** A candidate with its times as they are in a draw. */
export function drawnFleet({ fleet, candidate, sigma, spot, drawing }: CandidateFleet, draw: number): SlotFleet {
  const drawn = { ...fleet, factor: fleet.factor * drawnFactor(candidate.accelerator, sigma, draw, drawing) };
  return draw === 0 || spot === undefined ? drawn : { ...drawn, luckOf: luckIn(draw, drawing.seed, spot, drawn) };
}

/** A candidate in a draw, simulated once. */
export function simulatedDraw(
  known: CandidateFleet,
  draw: number,
  {
    jobsOf,
    groups,
    seen,
  }: {
    readonly jobsOf: (draw: number) => readonly DrawnJob[];
    readonly groups: readonly LevelGroup[];
    readonly seen: SeenDraws;
  },
): SeenDraw {
  const key = simulatedAs(known, draw);
  const before = seen.get(key);
  if (before !== undefined) return before;
  const jobs = jobsOf(draw);
  const { turnaroundSeconds, busySeconds } = simulateSlots(drawnFleet(known, draw), jobs);
  const ended = jobs.map(({ kind }, job) => ({ kind, seconds: turnaroundSeconds[job]! }));
  const now = {
    hours: groups.map((group) => levelHours(group, ended)),
    late: groups.map((group) => lateShare(group, ended)),
    busySeconds: sum(busySeconds),
  };
  seen.set(key, now);
  return now;
}
