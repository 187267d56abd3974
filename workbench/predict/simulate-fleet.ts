import type { Context } from "../../files/index.ts";
import { type Objective, type PolicyFactory, type PolicyName, withBetterPackings } from "../../plan/index.ts";
import { fleetPlan, type PlannedFleet, plannedFleet, type SimulatedFleet, simulateFleet } from "../../sim/index.ts";
import { halvedSweeps } from "../load/halved-sweeps.ts";
import { type LoadedRequest, loadRequest, type RequestChoice } from "../load/load-request.ts";
import { unusedInSimulations } from "../load/load-workload.ts";
import { learnedBy, roomBy } from "../load/sizes.ts";
import { forecastHalving, type HalvingForecast } from "./forecast-halving.ts";
import { solvePackings } from "./solve-packings.ts";
import { traceFleet } from "./trace-fleet.ts";

/** A workload's jobs as they come, and the pipelines that they come to. */
export interface WorkloadFleet extends LoadedRequest {
  readonly fleet: PlannedFleet;
}

/**
 * The jobs of a workload as they come (`arrivalSeconds`), or as those of its trace do (`arrivals`). Pipelines, stages
 * and the room for adapters are those of a plan in which all jobs are there from the start, one of each kind for a trace. @throws InputError, PlanError
 */
export async function loadFleet(context: Context, file: string, choice: RequestChoice): Promise<WorkloadFleet> {
  const loaded = await loadRequest(context, file, { ...choice, overTime: true });
  const { request, placed } = loaded;
  const { jobsAtOnce } = request;
  const most = typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {};
  const sized = (fleet: WorkloadFleet["fleet"]): WorkloadFleet => {
    const setting = { ...roomBy(fleet.setting, choice.sizes), states: loaded.states };
    return { ...loaded, fleet: { ...fleet, setting, ...learnedBy(choice.sizes) } };
  };
  const { arrivals } = loaded.loaded.workload;
  for (const remark of unusedInSimulations(loaded.loaded)) context.note(remark);
  try {
    if (arrivals !== undefined)
      return sized({ ...(await traceFleet(context, loaded.loaded, arrivals, request)), ...most });
    return sized(await context.during("planning", () => plannedFleet(request, fleetPlan(request))));
  } catch (error) {
    throw placed(error);
  }
}

/** A simulated fleet, and where sweeps are halved what that takes. */
export type ForecastFleet = SimulatedFleet & { readonly halving?: HalvingForecast };

/** The jobs of a workload under a policy, in virtual time; of sweeps that are halved one of the ways it may go. @throws InputError, PlanError */
export async function simulateWorkloadFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  policy: PolicyName | PolicyFactory,
  objective?: Objective,
): Promise<ForecastFleet> {
  const { fleet, loaded, placed } = await loadFleet(context, file, choice);
  const sweeps = halvedSweeps(context, loaded);
  try {
    const asked = { ...fleet, policy, ...(objective === undefined ? {} : { objective }) };
    if (sweeps.length === 0)
      return await withBetterPackings((pack) => simulateFleet({ ...asked, pack }), solvePackings(context));
    // As a live fleet packs them: of many draws each would have problems of its own to solve.
    const { fleet: first, halving } = forecastHalving(asked, sweeps);
    return { ...first, halving };
  } catch (error) {
    throw placed(error);
  }
}
