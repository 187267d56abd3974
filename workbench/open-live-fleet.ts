import { DeviceError, InputError, PlanError } from "../core/index.ts";
import { assignDevices } from "../exec/index.ts";
import { createCostModel, type FleetWork, fleetSetting, type PolicyFactory, type PolicyName } from "../plan/index.ts";
import { type FleetModel, fleetModel, planAndPredict, worksOfPlan } from "../sim/index.ts";
import type { Context } from "./context.ts";
import { type FleetPlace, startOfJob } from "./fleet-work.ts";
import { halvedSweeps } from "./halved-sweeps.ts";
import { LiveFleet } from "./live-fleet.ts";
import { LiveFuture } from "./live-future.ts";
import type { LiveSubmission } from "./live-job.ts";
import { type LoadedRequest, loadRequest, type RequestChoice } from "./load-request.ts";

/** A fleet whose devices are set up, and the jobs of its workload with the times at which they come. */
export interface OpenedFleet {
  readonly fleet: LiveFleet;
  readonly loaded: LoadedRequest["loaded"];
  readonly place: FleetPlace;
  readonly future: LiveFuture;
  /** In the order of arrival. */
  readonly arrivals: readonly { readonly atSeconds: number; readonly submission: LiveSubmission }[];
}

/**
 * Plans the pipelines of a workload's jobs, which come over time, and sets the devices up.
 * @throws InputError, PlanError, DeviceError
 */
export async function openLiveFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  { folder, policy }: { readonly folder: string; readonly policy: PolicyName | PolicyFactory },
): Promise<OpenedFleet> {
  const { request, loaded, placed } = await loadRequest(context, file, { ...choice, overTime: true });
  const { model, workload, data } = loaded;
  const { jobs, jobsAtOnce } = request;
  if (model === undefined)
    throw new InputError({
      expected: "a model folder to train",
      at: "model",
      got: "an architecture alone",
      hint: "Give model.path in the workload; an architecture can only be simulated.",
    });
  const lengths = workload.jobs.findIndex((_, job) => data[job]!.length === 0);
  if (lengths >= 0)
    throw new InputError({
      expected: "a data file to train on",
      at: `jobs[${lengths}].data`,
      got: workload.jobs[lengths]!.data,
      hint: "Lengths alone can only be simulated.",
    });
  try {
    const { body } = await context.stage("planning", () =>
      planAndPredict({ ...request, groups: "unfused", jobs: jobs.map((job) => ({ ...job, arrivalSeconds: 0 })) }),
    );
    const setting = fleetSetting(body, typeof jobsAtOnce === "number" ? { jobsAtOnce } : {});
    assignDevices(setting);
    const costs = createCostModel(body.calibration, body.model.dtype);
    const works: FleetWork[] = [];
    const most = typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {};
    const modelOf = (known: readonly FleetWork[]): FleetModel => fleetModel({ setting, costs, works: known, ...most });
    const { resources, policyOf, timesOf } = modelOf(works);
    const deciding = policyOf(policy);
    const { sharing } = timesOf(deciding);
    const fleet = await LiveFleet.open({
      ...{ place: context, folder, setting, costs, model, resources, sharing, works, policy: deciding },
      ...(typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}),
      sweeps: halvedSweeps(context, loaded),
    });
    const planned = worksOfPlan(body);
    const arrivals = workload.jobs
      .map((job, index) => {
        const submission = { job, work: planned[index]!, rows: data[index]!, start: startOfJob(job, loaded) };
        return { atSeconds: job.arrivalSeconds, submission };
      })
      .sort((a, b) => a.atSeconds - b.atSeconds);
    const future = new LiveFuture({ fleet, works, modelOf });
    return { fleet, loaded, place: { request, setting }, future, arrivals };
  } catch (error) {
    throw error instanceof DeviceError || error instanceof PlanError ? placed(error) : error;
  }
}
