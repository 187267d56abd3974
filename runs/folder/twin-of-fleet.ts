import { InputError } from "../../core/index.ts";
import {
  type BothWays,
  type ComparedDecisions,
  compareDecisions,
  createCostModel,
  POLICIES,
  type PolicyFactory,
  type PolicyName,
} from "../../plan/index.ts";
import { besideTwin, type TwinnedFleet, whatHung } from "../../sim/index.ts";
import { learnedBy } from "../../workbench/index.ts";
import { ownWorkOf } from "./own-work.ts";
import type { RunOfFleet } from "./read-run.ts";
import { RUN_FILES } from "./run-files.ts";
import type { RunSpeed } from "./run-speed.ts";

/** An executed fleet beside its twin, and how their decisions compare. */
export interface ComparedTwin extends TwinnedFleet {
  /** Undefined where there is no twin. */
  readonly decisions: ComparedDecisions | undefined;
  /**
   * What hung on the first decision that parts, in the twin; a text where it cannot be simulated: why. Undefined where
   * none parts.
   */
  readonly whatHung: () => BothWays | string | undefined;
}

/**
 * A fleet that was executed beside its twin, under its own policy or another; on the machine as it was with `speed`.
 * @throws InputError where the folder does not say what its twin needs
 */
export function twinOfFleet(
  { setting, jobs, lines, events, policy, jobsAtOnce, sizes, state }: RunOfFleet,
  other?: PolicyName | PolicyFactory,
  speed?: Pick<RunSpeed, "clocks" | "ownWork">,
): ComparedTwin {
  const own = POLICIES.find((name) => name === policy);
  const chosen = other ?? own;
  if (chosen === undefined)
    throw new InputError({
      expected: "the policy of the fleet",
      at: "--policy",
      got: policy ?? "none that was written down",
      hint: `Give the file of a policy of your own by --policy, or one of ${POLICIES.join(", ")}.`,
    });
  const arrived = lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "arrived")).length;
  if (jobs.length < arrived)
    throw new InputError({
      expected: `${RUN_FILES.jobs} with ${arrived} jobs`,
      got: `${jobs.length}`,
      hint: "Folders of earlier versions have none: `loratwin explain` tells what happened.",
    });
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const wasResumed = events.some(({ event }) => event === "resumed");
  const machine = speed ?? { ownWork: ownWorkOf(events) };
  const asked = { setting, costs, works: jobs, most: jobsAtOnce, ...learnedBy(sizes) };
  const fleet = { ...asked, journal: lines, wasResumed, ...machine };
  const twinned = besideTwin(fleet, chosen);
  const twin = twinned.twin?.journal;
  const decisions = twin && compareDecisions(lines, twin, { goesOn: state === "unfinished" });
  return {
    ...twinned,
    decisions,
    whatHung: () =>
      twin === undefined || decisions?.parted === undefined
        ? undefined
        : whatHung(fleet, chosen, { twin, numSame: decisions.numSame }),
  };
}
