import { InputError } from "../../core/index.ts";
import {
  type BothWays,
  type ComparedDecisions,
  createCostModel,
  type FleetHistory,
  fleetHistory,
  type JournalLine,
  type OwnWorkCosts,
  type PolicyFactory,
  type PolicyName,
  withOwnWork,
} from "../../plan/index.ts";
import { withSameDecisions } from "../../sim/index.ts";
import { type JournalEnd, journalEnd, journalGaps } from "./journal-end.ts";
import { ownWorkCounted, ownWorkOf } from "./own-work.ts";
import type { RunOfFleet } from "./read-run.ts";
import { RUN_FILES } from "./run-files.ts";
import { runSpeed } from "./run-speed.ts";
import { twinOfFleet } from "./twin-of-fleet.ts";

/** A fleet that was simulated as it was executed: with its times as calibrated, and on the machine as it was. */
export interface SimulatedAgain {
  readonly asCalibrated: FleetHistory;
  readonly speedOut: FleetHistory;
}

/** An executed fleet beside what the simulator makes of it. */
export interface ComparedFleet {
  readonly executed: FleetHistory;
  /** The simulator decides again. */
  readonly decidedAnew: SimulatedAgain;
  /** What was decided, and thereby the plan, is the executed fleet's. */
  readonly decidedSame: SimulatedAgain;
  /** What was decided anew on the machine as it was, beside what was decided. */
  readonly decisions: ComparedDecisions;
  /** What hung on the first of these that parts; a text where that cannot be simulated. Undefined where none parts. */
  readonly hung: BothWays | string | undefined;
  /** What JavaScript did on the devices' cores meanwhile; undefined where nobody counted. */
  readonly ownWork: ReturnType<typeof ownWorkCounted>;
  /** Where the journal ends before the fleet does; undefined where it does not. */
  readonly end: JournalEnd | undefined;
  /** Lines that the journal lacks between others. */
  readonly gaps: ReturnType<typeof journalGaps>;
}

/**
 * Simulates an executed fleet again: with decisions of the simulator's own, and with those of its journal.
 * @throws InputError for a fleet that was resumed, or whose plan is not kept whole, or of which nothing has ended
 */
export function compareFleet(run: RunOfFleet, policy?: PolicyName | PolicyFactory): ComparedFleet {
  const { setting, segments, begin, lines, since, folder } = run;
  if (begin.segments > 0)
    throw new InputError({
      expected: `${RUN_FILES.segments} with all of the plan`,
      file: folder,
      got: `one whose first ${begin.segments} segments are kept no longer`,
    });
  const calibrated = twinOfFleet(run, policy);
  const speed = runSpeed(run);
  if (calibrated.twin === undefined)
    throw new InputError({
      expected: "a fleet that was not gone on with",
      file: folder,
      got: "one that was resumed",
      hint:
        "The simulator begins with jobs of which nothing is trained. `loratwin explain` and `loratwin report` tell what " +
        "happened; compare a fleet that ran in one go.",
    });
  if (speed === undefined)
    throw new InputError({ expected: "a fleet of whose actions one has ended", file: folder, got: "no action" });
  const calibratedCosts = createCostModel(setting.calibration, setting.model.dtype);
  const same = (ownWork: OwnWorkCosts | undefined, times?: typeof speed.times): readonly JournalLine[] => {
    const costs = withOwnWork(calibratedCosts, setting.calibration, ownWork);
    return withSameDecisions({ setting, costs, segments, journal: lines, times, firstNs: speed.firstNs });
  };
  const [calibratedSame, speedOutSame] = [same(ownWorkOf(run.events)), same(speed.ownWork, speed.times)];
  const { twin, decisions, whatHung } = twinOfFleet(run, policy, speed);
  const anew = twin!.journal;
  return {
    executed: fleetHistory(since === undefined ? lines : [...lines, since]),
    decidedAnew: { asCalibrated: fleetHistory(calibrated.twin.journal), speedOut: fleetHistory(anew) },
    decidedSame: { asCalibrated: fleetHistory(calibratedSame), speedOut: fleetHistory(speedOutSame) },
    ...{ ownWork: ownWorkCounted(run.events), end: journalEnd(run), gaps: journalGaps(lines) },
    ...{ decisions: decisions!, hung: whatHung() },
  };
}
