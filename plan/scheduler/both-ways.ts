import { maximum, mean } from "../../core/index.ts";
import { fleetHistory } from "./fleet-history.ts";
import { timesOf } from "./job-story.ts";
import type { JournalLine } from "./journal.ts";

/** What a fleet came to: of the jobs that have ended both ways. */
interface WayFigures {
  readonly meanTurnaroundNs: number;
  /** From the first arrival to the last end. */
  readonly makespanNs: number;
}

/** A fleet that was simulated on from a decision in two ways: with the one that is its own, and with another one. */
export interface BothWays {
  readonly own: WayFigures;
  readonly other: WayFigures;
  /** When each job ended, in the order of arrival. */
  readonly ends: readonly { readonly name: string; readonly ownNs: number; readonly otherNs: number }[];
}

/** Of two journals of the same jobs; undefined where none of them has ended in both. */
export function bothWays(own: readonly JournalLine[], other: readonly JournalLine[]): BothWays | undefined {
  const [a, b] = [fleetHistory(own), fleetHistory(other)];
  const others = new Map(b.jobs.map((job) => [job.number, job]));
  const pairs = a.jobs.flatMap((job) => {
    const again = others.get(job.number);
    return job.endNs === undefined || again?.endNs === undefined
      ? []
      : [{ name: job.request.name, jobs: [job, again] as const, ends: [job.endNs, again.endNs] as const }];
  });
  if (pairs.length === 0) return undefined;
  const figures = (way: 0 | 1): WayFigures => ({
    meanTurnaroundNs: mean(pairs.map(({ jobs }) => timesOf(jobs[way]).turnaroundNs)),
    makespanNs: maximum(pairs.map(({ ends }) => ends[way])) - a.startNs,
  });
  return {
    own: figures(0),
    other: figures(1),
    ends: pairs.map(({ name, ends: [ownNs, otherNs] }) => ({ name, ownNs, otherNs })),
  };
}
