import { createRng, groupBy, median } from "../../core/index.ts";
import { drawnStops, type HalvedSweep } from "../../plan/index.ts";
import {
  type FleetMember,
  type FleetRequest,
  modelOfFleet,
  type SimulatedFleet,
  simulateFleet,
} from "../../sim/index.ts";

/** Draws of which points are the worse ones. */
const DRAWS = 5;

/** What halving of sweeps will take, whose losses nobody has. Seconds from the start to the last end. */
export interface HalvingForecast {
  readonly jobs: number;
  /** Jobs that end before their last step, by the steps that they have made then, ascending. */
  readonly stopped: readonly { readonly steps: number; readonly jobs: number }[];
  /** Of draws of which jobs are worse: the median, the least and the most. */
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
  /** The same jobs to their ends; and these one after another on each pipeline. */
  readonly withoutHalving: number;
  readonly oneAfterAnother: number;
}

function halved(members: readonly FleetMember[], stops: ReadonlyMap<string, number>): readonly FleetMember[] {
  return members.map((member) => {
    const at = stops.get(member.work.job.name);
    return at === undefined ? member : { ...member, stops: at, stoppedBy: "halving" };
  });
}

/** A fleet whose sweeps are halved: the first of the draws, and what all of them say. */
export function forecastHalving(
  request: FleetRequest,
  sweeps: readonly HalvedSweep[],
): { readonly fleet: SimulatedFleet; readonly halving: HalvingForecast } {
  const { members } = request;
  const model = modelOfFleet(request);
  const secondsOf = ({ metrics }: SimulatedFleet): number => metrics.makespanSeconds;
  const draws = Array.from({ length: DRAWS }, (_, draw) => drawnStops(sweeps, createRng(`halving ${draw}`)));
  const fleets = draws.map((stops) => simulateFleet({ ...request, model, members: halved(members, stops) }));
  const seconds = fleets.map(secondsOf);
  const names = sweeps.flatMap(({ jobs }) => jobs);
  const stopped = [...groupBy([...draws[0]!.values()], (steps) => steps)];
  return {
    fleet: fleets[0]!,
    halving: {
      jobs: names.length,
      stopped: stopped.map(([steps, own]) => ({ steps, jobs: own.length })).sort((a, b) => a.steps - b.steps),
      ...{ seconds: median(seconds), low: Math.min(...seconds), high: Math.max(...seconds) },
      withoutHalving: secondsOf(simulateFleet({ ...request, model })),
      oneAfterAnother: secondsOf(simulateFleet({ ...request, policy: "fifo", most: 1 })),
    },
  };
}
