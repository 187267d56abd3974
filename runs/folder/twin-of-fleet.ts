import { InputError } from "../../core/index.ts";
import { createCostModel, POLICIES, type PolicyFactory, type PolicyName } from "../../plan/index.ts";
import { besideTwin, type TwinnedFleet } from "../../sim/index.ts";
import { learnedBy } from "../../workbench/index.ts";
import { ownWorkOf } from "./own-work.ts";
import type { RunOfFleet } from "./read-run.ts";
import { RUN_FILES } from "./run-files.ts";
import type { RunSpeed } from "./run-speed.ts";

/**
 * A fleet that was executed beside its twin, under its own policy or another; on the machine as it was with `speed`.
 * @throws InputError where the folder does not say what its twin needs
 */
export function twinOfFleet(
  { setting, jobs, lines, events, policy, jobsAtOnce, sizes }: RunOfFleet,
  other?: PolicyName | PolicyFactory,
  speed?: Pick<RunSpeed, "clocks" | "ownWork">,
): TwinnedFleet {
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
  return besideTwin({ ...asked, journal: lines, wasResumed, ...machine }, chosen);
}
