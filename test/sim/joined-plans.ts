import fc from "fast-check";
import { type PlanBody, SCHEDULES } from "../../plan/index.ts";
import { joinPipelines, type PipelinePart } from "../../plan/planner/join-pipelines.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { unitRequest } from "../plan/unit-plan.ts";

/** Pipelines of a plan: each by itself, and all in one. */
export interface JoinedPlan {
  readonly parts: readonly PipelinePart[];
  readonly whole: PlanBody;
}

const pipelineArbitrary = fc.record({
  numDevices: fc.integer({ min: 1, max: 3 }),
  numJobs: fc.integer({ min: 1, max: 3 }),
  parts: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 5 }),
  lengths: fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 4 }),
  groups: fc.constantFrom("auto" as const, "unfused" as const),
  clips: fc.boolean(),
});

const sharedArbitrary = fc.record({
  schedule: fc.constantFrom(...SCHEDULES),
  maxInFlight: fc.constantFrom<"auto" | "none" | number>("auto", "none", 4),
  transfer: fc.constantFrom(0, 0.1, 2),
  update: fc.constantFrom(0, 0.2),
});

/** Jobs are dealt to the pipelines in turn, as long as each has some to take. */
function dealtJobs(counts: readonly number[]): readonly number[][] {
  const jobs: number[][] = counts.map(() => []);
  let next = 0;
  for (let round = 0; round < Math.max(...counts); round += 1)
    counts.forEach((count, part) => {
      if (round < count) jobs[part]!.push(next++);
    });
  return jobs;
}

export const joinedPlans: fc.Arbitrary<JoinedPlan> = fc
  .tuple(fc.array(pipelineArbitrary, { minLength: 1, maxLength: 3 }), sharedArbitrary)
  .map(([pipelines, shared]) => {
    const jobs = dealtJobs(pipelines.map(({ numJobs }) => numJobs));
    const parts = pipelines.map(({ clips, ...own }, part): PipelinePart => {
      const request = unitRequest({ ...own, ...shared, perTokens: 16, ...(clips ? { maxGradNorm: 1 } : {}) });
      const named = {
        ...request,
        jobs: request.jobs.map((job, i) => ({ ...job, name: `job${jobs[part]![i]}` })),
        devices: request.devices.map((device) => ({ ...device, name: `p${part}.${device.name}` })),
        links: request.links.map((link) => ({ ...link, id: `p${part}.${link.id}` })),
      };
      return { body: makePlan(named), jobs: jobs[part]! };
    });
    return { parts, whole: joinPipelines(parts) };
  });
