import { InvariantError, maximum, mean } from "../../core/index.ts";
import {
  createCostModel,
  FleetOutcomes,
  type JournalLine,
  type MeasuredCalibration,
  POLICIES,
  type PolicyName,
  Scheduler,
} from "../../plan/index.ts";
import { fleetModel, happeningsOf } from "../../sim/index.ts";
import { calibrateFor } from "../calibrate.ts";
import { decisionOrder } from "../decision-order.ts";
import {
  type ExecutedScript,
  executeAndForget,
  measuredShape,
  PARITY,
  type ParitySize,
  type ScriptRun,
  SMALL_ROWS,
  sameDecisionsOf,
  takingTurns,
  twinOf,
} from "../fleet-script.ts";
import { summarize } from "../measurement.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { MODEL } from "../workload.ts";

const SIZES: Readonly<Record<Scale, ParitySize>> = {
  full: { ...SMALL_ROWS, steps: 16 },
  default: { ...SMALL_ROWS, steps: 8 },
  quick: { ...SMALL_ROWS, steps: 4 },
  tiny: { model: MODEL.tiny, length: 16, steps: 8 },
};

const SECONDS: Readonly<Record<Scale, number>> = { full: 60, default: 25, quick: 12, tiny: 4 };

/** Decisions that are no further apart than this share of the time until then are in no order. */
const TIE = 0.05;

/** @throws InvariantError where a scheduler that is told of the same decides otherwise */
function checkReplay({ setting, most, works, journal }: ExecutedScript, policy: PolicyName): void {
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const { resources, policyOf } = fleetModel({ setting, costs, works, most });
  const scheduler = new Scheduler(policyOf(policy), resources);
  for (const line of journal) {
    const again = scheduler.trigger(line.atNs, line.events);
    if (JSON.stringify(again) !== JSON.stringify(line))
      throw new InvariantError({ expected: JSON.stringify(line), got: JSON.stringify(again) });
  }
}

/** When each job ended, by number. */
function endsOf(journal: readonly JournalLine[]): ReadonlyMap<number, number> {
  const outcomes = new FleetOutcomes();
  for (const line of journal) outcomes.add(line);
  return new Map(outcomes.all().flatMap(({ number, endNs }) => (endNs === undefined ? [] : [[number, endNs]])));
}

/** Of each job, by how much its simulated turnaround differs; a share of the executed one. */
function turnaroundErrors(executed: readonly JournalLine[], twin: readonly JournalLine[]): readonly number[] {
  const [was, is] = [endsOf(executed), endsOf(twin)];
  return happeningsOf(executed).requests.flatMap(({ arrivalNs }, number) => {
    const [endNs, otherNs] = [was.get(number), is.get(number)];
    return endNs === undefined || otherNs === undefined ? [] : [(otherNs - arrivalNs) / (endNs - arrivalNs) - 1];
  });
}

type Fleet = Pick<ScriptRun, "script" | "policy" | "pipelines">;

function execute(bench: Bench, fleet: Fleet, calibration: MeasuredCalibration): Promise<ExecutedScript> {
  return executeAndForget({ ...fleet, size: SIZES[bench.scale], calibration });
}

async function measureParity(bench: Bench, fleet: Fleet, calibration: MeasuredCalibration): Promise<void> {
  const { policy, pipelines, script } = fleet;
  const executed = await execute(bench, fleet, calibration);
  checkReplay(executed, policy);
  const asItIs = twinOf(executed, policy).journal;
  const speedOut = twinOf(executed, policy, executed.speed.clocks).journal;
  const parameters = { policy, pipelines, jobs: script.jobs.length };
  const add = (name: string, value: number, unit: string): void =>
    bench.record({ name, parameters, value, unit, repetitions: 1, spread: null });
  const [same, alone] = [sameDecisionsOf(executed, executed.speed.ownWork), sameDecisionsOf(executed)];
  const { decisions, otherwise, reordered, tied } = decisionOrder(executed.journal, speedOut, TIE);
  add("decisions", decisions, "decisions");
  add("decided otherwise", otherwise, "decisions");
  add("in another order", reordered, "pairs");
  add("in another order, tied", tied, "pairs");
  const errors = [asItIs, speedOut, same, alone].map((twin) => turnaroundErrors(executed.journal, twin).map(Math.abs));
  add("turnaround error, mean as it is", mean(errors[0]!), "share");
  add("mean, speed out", mean(errors[1]!), "share");
  add("worst, speed out", maximum(errors[1]!), "share");
  add("mean, its decisions, speed out", mean(errors[2]!), "share");
  add("worst, its decisions, speed out", maximum(errors[2]!), "share");
  add("mean, its decisions, no own work", mean(errors[3]!), "share");
  if (executed.speed.ownWork !== undefined) add("own work for an action", executed.speed.ownWork.perActionSeconds, "s");
  add("slower than calibrated", mean(executed.speed.clocks.map(({ slower }) => slower)) - 1, "share");
}

const TURNS: Readonly<Record<Scale, number>> = { full: 20, default: 10, quick: 6, tiny: 2 };
const RUNS: Readonly<Record<Scale, number>> = { full: 9, default: 5, quick: 3, tiny: 1 };

/**
 * Seconds from the first decision to the last, the same by its devices' own clocks on average, and how often jobs made
 * way.
 */
function spanOf({ journal, speed: { clocks } }: ExecutedScript) {
  const [fromNs, toNs] = [journal[0]!.atNs, journal.at(-1)!.atNs];
  return {
    seconds: (toNs - fromNs) / 1e9,
    workSeconds: mean(clocks.map((clock) => clock.workNs(toNs) - clock.workNs(fromNs))) / 1e9,
    preemptions: journal.flatMap(({ decisions }) => decisions.filter(({ kind }) => kind === "preempt")).length,
  };
}

type Span = ReturnType<typeof spanOf>;

/** Two jobs that make way for each other against the same one after the other, in turns. */
async function measureTurns(bench: Bench, calibration: MeasuredCalibration): Promise<void> {
  const fleetOf = (turns: number): Fleet => ({ script: takingTurns(turns), policy: "priority", pipelines: 1 });
  const pairs: { readonly often: Span; readonly never: Span }[] = [];
  for (let run = 0; run < RUNS[bench.scale]; run += 1) {
    const spans = new Map<number, Span>();
    for (const turns of run % 2 === 0 ? [TURNS[bench.scale], 0] : [0, TURNS[bench.scale]])
      spans.set(turns, spanOf(await execute(bench, fleetOf(turns), calibration)));
    pairs.push({ often: spans.get(TURNS[bench.scale])!, never: spans.get(0)! });
  }
  const parameters = { policy: "priority", pipelines: 1, jobs: 2 };
  const add = (name: string, values: readonly number[], unit: string): void =>
    bench.record({ name, parameters, ...summarize(values), unit });
  add(
    "preemptions",
    pairs.map(({ often }) => often.preemptions),
    "jobs",
  );
  add(
    "one after the other",
    pairs.map(({ never }) => never.seconds),
    "s",
  );
  add(
    "making way, against that",
    pairs.map(({ often, never }) => often.seconds / never.seconds),
    "ratio",
  );
  add(
    "making way, speed out",
    pairs.map(({ often, never }) => often.workSeconds / never.workSeconds),
    "ratio",
  );
}

export const parity: Suite = {
  describe: "jobs over time executed and simulated: the same decisions, and turnarounds, under each policy",
  cases({ scale }) {
    let calibration: Promise<MeasuredCalibration> | undefined;
    const caseOf = (
      name: string,
      seconds: number,
      measure: (bench: Bench, calibration: MeasuredCalibration) => Promise<void>,
    ): Case => ({
      name,
      seconds,
      async run(bench) {
        calibration ??= calibrateFor(measuredShape(SIZES[scale]));
        await measure(bench, await calibration);
      },
    });
    const fleets = [
      ...POLICIES.map((policy) => ({ policy, pipelines: 1 })),
      ...(["mlora", "twin"] as const).map((policy) => ({ policy, pipelines: 2 })),
    ];
    return [
      ...fleets.map(({ policy, pipelines }, index) => {
        const where = pipelines === 1 ? "a pipeline of two devices" : "two pipelines of one device";
        const seconds = SECONDS[scale] + (index === 0 ? 60 : 0);
        return caseOf(`${policy} on ${where}`, seconds, (bench, calibrated) =>
          measureParity(bench, { policy, pipelines, script: PARITY }, calibrated),
        );
      }),
      caseOf("preempting and resuming", 4 * SECONDS[scale], measureTurns),
    ];
  },
};
