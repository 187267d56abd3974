import {
  type BothWays,
  bothWays,
  type CostModel,
  executedDecision,
  FleetOutcomes,
  type FleetWork,
  isMade,
  type JournalLine,
  type LearnedSizes,
  type OwnWorkCosts,
  type Policy,
  type PolicyFactory,
  type PolicyName,
  Scheduler,
  type Setting,
  type Spent,
  wasCutOff,
  withGiven,
  withOwnWork,
} from "../../plan/index.ts";
import type { DeviceClock } from "../run/device-clock.ts";
import type { FleetMetrics } from "./fleet-metrics.ts";
import { fleetModel } from "./fleet-model.ts";
import { type FleetTwin, fleetTwin, happeningsOf } from "./fleet-twin.ts";
import { judgeFleet } from "./judge-fleet.ts";

/** A fleet that was executed, as its folder tells of it. */
export interface ExecutedFleet {
  readonly setting: Setting;
  readonly costs: CostModel;
  /** By number, of the jobs that have come. */
  readonly works: readonly FleetWork[];
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number | undefined;
  /** Where sizes of jobs were learned: from what. */
  readonly learned?: LearnedSizes | undefined;
  readonly journal: readonly JournalLine[];
  /** Whether it was gone on with when all its jobs were over: its journal does not tell. */
  readonly wasResumed?: boolean;
  /** By stage, how its device's speed moved, for a twin on the machine as it was; on the calibrated one when absent. */
  readonly clocks?: readonly DeviceClock[] | undefined;
  /** What JavaScript did on the devices' cores meanwhile. Whoever decides does not know of it. */
  readonly ownWork?: OwnWorkCosts | undefined;
}

/** A fleet with its figures. */
interface JudgedFleet {
  /** The name of its policy. */
  readonly policy: string;
  readonly journal: readonly JournalLine[];
  /** Bounds are of predicted times. */
  readonly metrics: FleetMetrics;
  /** What jobs took of devices, by name. */
  readonly spent: ReadonlyMap<string, Spent>;
}

/** An executed fleet beside its twin. */
export interface TwinnedFleet {
  /** Undefined where the fleet was cut off and gone on with, which no twin is. */
  readonly twin: JudgedFleet | undefined;
  readonly executed: FleetMetrics;
}

function outcomesOf(journal: readonly JournalLine[]): FleetOutcomes {
  const outcomes = new FleetOutcomes();
  for (const line of journal) outcomes.add(line);
  return outcomes;
}

/** What a twin is simulated with, under a policy that may be changed before. */
function madeTwin(
  fleet: ExecutedFleet,
  policy: PolicyName | PolicyFactory,
  changed: (own: Policy) => Policy = (own) => own,
) {
  const { setting, costs, journal, most, learned, clocks, ownWork } = fleet;
  const happenings = happeningsOf(journal);
  const works = fleet.works.slice(0, happenings.requests.length);
  const limit = { ...(most === undefined ? {} : { most }), ...(learned === undefined ? {} : { learned }) };
  const { resources, policyOf, timesOf } = fleetModel({ setting, costs, works, ...limit });
  const own = policyOf(policy);
  const times = timesOf(own);
  // A clock tells of actions that are predicted as the calibration has them.
  const calibration = clocks === undefined ? setting.calibration : undefined;
  const all = withOwnWork(costs, calibration, ownWork);
  const run = (): FleetTwin =>
    fleetTwin({
      ...{ setting, costs: all, works, happenings, clocks },
      sharing: times.sharing,
      scheduler: new Scheduler(changed(own), resources),
    });
  const judged = { requests: happenings.requests, times, numPipelines: resources.numPipelines, most, isBounded: true };
  return { own, judged, run };
}

/**
 * An executed fleet and its twin under a policy, judged by the same predicted times. Of a fleet that goes on, the jobs
 * that have come train to their end in the twin.
 */
export function besideTwin(fleet: ExecutedFleet, policy: PolicyName | PolicyFactory): TwinnedFleet {
  const { journal } = fleet;
  const { own, judged, run } = madeTwin(fleet, policy);
  const executed = judgeFleet({ ...judged, outcomes: outcomesOf(journal) });
  if (fleet.wasResumed === true || wasCutOff(journal)) return { twin: undefined, executed };
  const twin = run();
  return {
    twin: {
      ...{ policy: own.name, journal: twin.journal, spent: twin.spent },
      metrics: judgeFleet({ ...judged, outcomes: outcomesOf(twin.journal) }),
    },
    executed,
  };
}

/**
 * What hung on the first decision in which a twin (`besideTwin`) parts from its executed fleet, where `numSame` are the
 * same before: how the twin goes on with its own decision, and how with the executed one. Before and after that
 * it decides by itself. A text where the executed one cannot be decided there: why.
 */
export function whatHung(
  fleet: ExecutedFleet,
  policy: PolicyName | PolicyFactory,
  { twin, numSame }: { readonly twin: readonly JournalLine[]; readonly numSame: number },
): BothWays | string {
  const given = executedDecision(fleet.journal, twin, numSame);
  if (typeof given === "string") return given;
  const { journal } =
    given.fates.size === 0 ? { journal: twin } : madeTwin(fleet, policy, (own) => withGiven(own, given)).run();
  const decision = fleet.journal.flatMap(({ decisions }) => decisions)[numSame]!;
  if (given.fates.has(decision.number) && !isMade(decision, journal.slice(given.linesBefore)))
    return `the twin's policy was not asked about ${decision.name} then`;
  return bothWays(twin, journal) ?? "no job ends after both decisions";
}
