import { createCostModel, fleetSetting, type PolicyFactory, type PolicyName } from "../plan/index.ts";
import { planAndPredict, type SimulatedFleet, simulateFleet, worksOfPlan } from "../sim/index.ts";
import { withBetterPackings } from "./better-packings.ts";
import type { Context } from "./context.ts";
import { loadRequest, type RequestChoice } from "./load-request.ts";

/**
 * The jobs of a workload as they come (`arrivalSeconds`), under a policy, in virtual time. Pipelines, stages and the
 * room for adapters are those of a plan in which all jobs are there from the start. @throws InputError, PlanError
 */
export async function simulateWorkloadFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  policy: PolicyName | PolicyFactory,
): Promise<SimulatedFleet> {
  const { request, placed } = await loadRequest(context, file, { ...choice, overTime: true });
  const { jobs, jobsAtOnce } = request;
  try {
    const { body } = await context.stage("planning", () =>
      planAndPredict({
        ...request,
        groups: "unfused",
        jobs: jobs.map((job) => ({ ...job, arrivalSeconds: 0 })),
      }),
    );
    const works = worksOfPlan(body);
    const fleet = {
      setting: fleetSetting(body, typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}),
      costs: createCostModel(body.calibration, body.model.dtype),
      members: jobs.map(({ arrivalSeconds, deadlineSeconds, user = "" }, job) => ({
        work: works[job]!,
        arrival: {
          user,
          arrivalNs: Math.round(arrivalSeconds * 1e9),
          deadlineNs: deadlineSeconds === undefined ? null : Math.round((arrivalSeconds + deadlineSeconds) * 1e9),
        },
      })),
      policy,
      ...(typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {}),
    };
    return await withBetterPackings(context, (pack) => simulateFleet({ ...fleet, pack }));
  } catch (error) {
    throw placed(error);
  }
}
