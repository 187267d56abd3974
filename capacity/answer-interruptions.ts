import { sum } from "../core/index.ts";
import type { CapacityInterruptions } from "../plan/index.ts";
import type { JudgedCandidate, JudgeInput } from "./judge-candidate.ts";
import { soldCount } from "./money.ts";
import { drawnFleet } from "./simulated-draws.ts";
import { workSeconds } from "./slot-fleet.ts";

const DAY = 86_400;

/** What it costs that accelerators are taken away; null where they are not. */
export function interruptionsOf(best: JudgedCandidate, { draws }: JudgeInput): CapacityInterruptions | null {
  const { candidate, tariff } = best;
  const { spot } = tariff.price;
  if (candidate.tenure !== "spot" || spot === undefined) return null;
  const jobs = draws.flatMap((all, draw) => {
    const fleet = drawnFleet(best, draw);
    return all.map((job) => {
      const work = workSeconds(fleet, job);
      return { work, taken: fleet.expectedSeconds(work) };
    });
  });
  const all = sum(jobs.map(({ taken }) => taken)) / draws.length;
  const count = (spot.interruptionsPerDay * all) / DAY;
  const more = all - sum(jobs.map(({ work }) => work)) / draws.length;
  const cost = (more / 3600) * soldCount(candidate.slot, tariff.price) * spot.perHour;
  const each = (of: number): number => (count === 0 ? 0 : of / count);
  return { count, secondsEach: each(more), costEach: each(cost), cost };
}
