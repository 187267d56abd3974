import { createCostModel, fleetSetting, type Objective, type PolicyFactory, type PolicyName } from "../plan/index.ts";
import {
  type FleetMember,
  type FleetSetting,
  planAndPredict,
  type SimulatedFleet,
  simulateFleet,
  worksOfPlan,
} from "../sim/index.ts";
import { withBetterPackings } from "./better-packings.ts";
import type { Context } from "./context.ts";
import { type LoadedRequest, loadRequest, type RequestChoice } from "./load-request.ts";
import { unusedInSimulations } from "./load-workload.ts";
import { learnedBy, roomBy } from "./sizes.ts";
import { traceFleet } from "./trace-fleet.ts";

/** A workload's jobs as they come, and the pipelines that they come to. */
export interface WorkloadFleet extends LoadedRequest {
  readonly fleet: Omit<FleetSetting, "works"> & { readonly members: readonly FleetMember[] };
}

/** When a job comes, and by when it is to have ended; seconds of the fleet. */
export function arrivalOf(
  { user = "", deadlineSeconds }: LoadedRequest["request"]["jobs"][number],
  arrivalSeconds: number,
): FleetMember["arrival"] {
  return {
    user,
    arrivalNs: Math.round(arrivalSeconds * 1e9),
    deadlineNs: deadlineSeconds === undefined ? null : Math.round((arrivalSeconds + deadlineSeconds) * 1e9),
  };
}

/**
 * The jobs of a workload as they come (`arrivalSeconds`), or as those of its trace do (`arrivals`). Pipelines, stages
 * and the room for adapters are those of a plan in which all jobs are there from the start, one of each kind for a trace. @throws InputError, PlanError
 */
export async function loadFleet(context: Context, file: string, choice: RequestChoice): Promise<WorkloadFleet> {
  const loaded = await loadRequest(context, file, { ...choice, overTime: true });
  const { request, placed } = loaded;
  const { jobs, jobsAtOnce } = request;
  const most = typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {};
  const sized = (fleet: WorkloadFleet["fleet"]): WorkloadFleet => {
    const setting = roomBy(fleet.setting, choice.sizes);
    return { ...loaded, fleet: { ...fleet, setting, ...learnedBy(choice.sizes) } };
  };
  const { arrivals } = loaded.loaded.workload;
  for (const remark of unusedInSimulations(loaded.loaded)) context.note(remark);
  try {
    if (arrivals !== undefined)
      return sized({ ...(await traceFleet(context, loaded.loaded, arrivals, request)), ...most });
    const { body } = await context.stage("planning", () =>
      planAndPredict({
        ...request,
        groups: "unfused",
        jobs: jobs.map((job) => ({ ...job, arrivalSeconds: 0 })),
      }),
    );
    const works = worksOfPlan(body);
    return sized({
      setting: fleetSetting(body, typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}),
      costs: createCostModel(body.calibration, body.model.dtype),
      members: jobs.map((job, index) => ({ work: works[index]!, arrival: arrivalOf(job, job.arrivalSeconds) })),
      ...most,
    });
  } catch (error) {
    throw placed(error);
  }
}

/** The jobs of a workload under a policy, in virtual time. @throws InputError, PlanError */
export async function simulateWorkloadFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  policy: PolicyName | PolicyFactory,
  objective?: Objective,
): Promise<SimulatedFleet> {
  const { fleet, placed } = await loadFleet(context, file, choice);
  try {
    const asked = { ...fleet, policy, ...(objective === undefined ? {} : { objective }) };
    return await withBetterPackings(context, (pack) => simulateFleet({ ...asked, pack }));
  } catch (error) {
    throw placed(error);
  }
}
