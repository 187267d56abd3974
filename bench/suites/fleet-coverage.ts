import { setTimeout as sleep } from "node:timers/promises";
import { createRng, mean, median } from "../../core/index.ts";
import { silent } from "../../files/context.ts";
import { FleetOutcomes, type MeasuredCalibration, POLICIES, type PolicyName, withOwnWork } from "../../plan/index.ts";
import type { Interval } from "../../traces/index.ts";
import { keepOwnWork, ownWorkOfMachine } from "../../workbench/machine/own-work-history.ts";
import { probeNow } from "../../workbench/machine/probe-now.ts";
import { fleetIntervals } from "../../workbench/predict/simulate-fleet.ts";
import { BusyStretches, SETTLED_MS } from "../busy-stretches.ts";
import { calibrateFor } from "../calibrate.ts";
import {
  executeAndForget,
  type FleetScript,
  foretold,
  measuredShape,
  type ParitySize,
  SMALL_ROWS,
} from "../fleet-script.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { MODEL } from "../workload.ts";

const SMALL: ParitySize = { ...SMALL_ROWS, steps: 6 };

interface Spread {
  readonly policies: readonly PolicyName[];
  /** Under each policy. */
  readonly fleets: number;
  readonly size: ParitySize;
  readonly jobs: number;
}

const SOME = ["fifo", "sjf", "minpad", "packed"] as const;

const SPREAD: Readonly<Record<Scale, Spread>> = {
  full: { policies: POLICIES, fleets: 20, size: SMALL, jobs: 12 },
  default: { policies: SOME, fleets: 5, size: SMALL, jobs: 12 },
  quick: { policies: SOME, fleets: 1, size: SMALL, jobs: 12 },
  tiny: { policies: ["sjf"], fleets: 1, size: { model: MODEL.tiny, length: 16, steps: 4 }, jobs: 4 },
};

const RANKS = [4, 8, 12, 16, 24, 32];

/** Jobs that come in the first two thirds of what all take together, the same for each policy. */
function scriptOf(fleet: number, jobs: number): FleetScript {
  const rng = createRng(`fleet ${fleet}`);
  return {
    jobs: Array.from({ length: jobs }, (_, job) => ({
      rank: RANKS[rng.nextInt(RANKS.length)]!,
      times: 1 + rng.nextInt(6),
      priority: rng.nextInt(4),
      at: job === 0 ? 0 : 0.65 * rng.nextFloat(),
    })).sort((a, b) => a.at - b.at),
    asked: [],
    most: 2,
  };
}

/** To the millisecond, as people read it. */
function isInside([low, high]: Interval, ns: number): boolean {
  return low - 1e-3 <= ns / 1e9 && ns / 1e9 <= high + 1e-3;
}

async function predictAndExecute(
  bench: Bench,
  fleet: number,
  policy: PolicyName,
  calibration: MeasuredCalibration,
  others: BusyStretches,
): Promise<void> {
  const { size, jobs } = SPREAD[bench.scale];
  using _spinning = others.spin();
  const asked = { size, script: scriptOf(fleet, jobs), policy, pipelines: 1 + (fleet % 2), calibration };
  // A test leaves nothing behind.
  const withHistory = bench.scale !== "tiny";
  if (withHistory) await sleep(SETTLED_MS);
  const request = foretold(asked);
  const own = withHistory ? ownWorkOfMachine(calibration, policy) : undefined;
  const costs = withOwnWork(request.costs, calibration, own);
  const foretelling = performance.now();
  const intervals = await fleetIntervals(silent("."), { ...request, costs }, { seed: fleet, withHistory });
  const foretoldMs = performance.now() - foretelling;
  const probed = withHistory ? await probeNow(request.setting) : undefined;
  const { journal, ownWork } = await executeAndForget({ ...asked, probed });
  if (withHistory && ownWork !== undefined) keepOwnWork(ownWork, policy);
  const outcomes = new FleetOutcomes();
  for (const line of journal) outcomes.add(line);
  const ranges = new Map(intervals!.jobs.map((range) => [range.name, range]));
  const planned = new Map(request.members.map(({ work, arrival }) => [work.job.name, arrival.arrivalNs]));
  const judged = outcomes.all().flatMap(({ name, arrivalNs, startNs, endNs }) => {
    const { startSeconds, endSeconds } = ranges.get(name)!;
    const lateNs = arrivalNs - planned.get(name)!;
    if (startNs === undefined || endNs === undefined || startSeconds === null || endSeconds === null) return [];
    const [low, high] = endSeconds;
    return [
      {
        start: isInside(startSeconds, startNs - lateNs),
        end: isInside(endSeconds, endNs - lateNs),
        isEarly: (endNs - lateNs) / 1e9 < low - 1e-3,
        width: (2 * (high - low)) / (high + low),
      },
    ];
  });
  record(bench, policy, fleet, judged, foretoldMs);
}

interface Judged {
  readonly start: boolean;
  readonly end: boolean;
  /** Whether it ended before its interval. */
  readonly isEarly: boolean;
  /** Of the end's interval: a share of its middle. */
  readonly width: number;
}

function record(bench: Bench, policy: PolicyName, fleet: number, judged: readonly Judged[], ms: number): void {
  const parameters = { policy, fleet };
  const add = (name: string, value: number, unit: string): void =>
    bench.record({ name, parameters, value, unit, repetitions: 1, spread: null });
  const share = (values: readonly boolean[]): number => mean(values.map(Number));
  add("jobs", judged.length, "jobs");
  add("ends before", share(judged.map(({ isEarly }) => isEarly)), "share");
  add("width of an end, median", median(judged.map(({ width }) => width)), "share");
  add("foretold in", ms / 1e3, "s");
  for (const which of ["start", "end"] as const) {
    const inside = share(judged.map((each) => each[which]));
    const before = bench.measured.filter(
      ({ name, parameters: own }) => name === `${which}s inside` && own["policy"] === policy,
    );
    add(`${which}s inside`, inside, "share");
    add(`${which}s inside, all fleets so far`, mean([...before.map(({ value }) => value), inside]), "share");
  }
}

export const fleetCoverage: Suite = {
  describe: "how often jobs of executed fleets start and end in their predicted intervals, under each policy",
  cases({ scale }) {
    const { policies, fleets, size } = SPREAD[scale];
    let shared: Promise<{ readonly calibration: MeasuredCalibration; readonly others: BusyStretches }> | undefined;
    const calibrated = async () => ({
      calibration: await calibrateFor(measuredShape(size)),
      others: new BusyStretches(7200),
    });
    return Array.from({ length: fleets }, (_, fleet) => fleet).flatMap((fleet) =>
      policies.map(
        (policy): Case => ({
          name: `fleet ${fleet + 1} of ${fleets}, ${policy}`,
          seconds: fleet === 0 ? 30 : 12,
          async run(bench) {
            shared ??= calibrated();
            const { calibration, others } = await shared;
            await predictAndExecute(bench, fleet, policy, calibration, others);
          },
        }),
      ),
    );
  },
};
