import type { Rng } from "../../core/index.ts";
import { type HalvedSweep, SweepHalving } from "./sweep-halving.ts";

/**
 * The iterations after which jobs of sweeps are stopped by halving, by their names, where nobody knows their losses: the
 * order of each sweep's jobs is drawn, the same at all rungs. Jobs come to each rung in the order of the sweep.
 */
export function drawnStops(sweeps: readonly HalvedSweep[], rng: Rng): ReadonlyMap<string, number> {
  const stops = new Map<string, number>();
  for (const sweep of sweeps) {
    const { jobs, plan, by } = sweep;
    const losses = new Map(jobs.map((job) => [job, rng.nextFloat()]));
    const rungsOf = new Map(jobs.map((job, place) => [job, plan.rungs[place]!]));
    const halving = new SweepHalving([sweep]);
    let coming = jobs.map((job) => ({ job, rung: 0 }));
    while (coming.length > 0) {
      const next: typeof coming = [];
      for (const { job, rung } of coming) {
        const iteration = rungsOf.get(job)![rung];
        const verdicts =
          iteration === undefined ? halving.gone(job) : halving.lost(job, by, iteration, losses.get(job)!);
        for (const { kind, job: of, rung: at } of verdicts)
          if (kind === "stop") stops.set(of, rungsOf.get(of)![at]!);
          else if (kind === "go-on") next.push({ job: of, rung: at + 1 });
      }
      coming = next;
    }
  }
  return stops;
}
