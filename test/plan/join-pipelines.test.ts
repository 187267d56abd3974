import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvariantError, PlanError } from "../../core/index.ts";
import { pipelineJobs, pipelineMicroBatches } from "../../plan/actions/pipelines.ts";
import { parsePlan, planDocument, sealPlan, validatePlan } from "../../plan/index.ts";
import { chains } from "../../plan/planner/chains.ts";
import { joinPipelines } from "../../plan/planner/join-pipelines.ts";
import { joinedPlans } from "../sim/joined-plans.ts";
import { unitPlan } from "./unit-plan.ts";

const NOWHERE = { model: null, data: {}, init: {} };

describe("pipelines joined into one plan", () => {
  it("are a plan that validates and reads back, with all jobs in their order", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(joinedPlans, ({ parts, whole }) => {
        validatePlan(whole);
        const sealed = sealPlan(whole, NOWHERE);
        expect(parsePlan(JSON.stringify(planDocument(sealed)), "plan.json")).toEqual(sealed);
        expect(whole.jobs.map(({ name }) => name)).toEqual(whole.jobs.map((_, job) => `job${job}`));
        whole.pipelines.forEach((_, part) => {
          expect(pipelineJobs(whole, part)).toEqual(parts[part]!.jobs);
          expect(pipelineMicroBatches(whole, part)).toHaveLength(parts[part]!.body.microBatches.length);
        });
      }),
      { numRuns: 40 },
    );
  });

  it("number micro-batches step by step", () => {
    fc.assert(
      fc.property(joinedPlans, ({ whole }) => {
        const steps = whole.microBatches.map(({ step }) => step);
        expect(steps).toEqual([...steps].sort((a, b) => a - b));
      }),
      { numRuns: 20 },
    );
  });

  it("are the plan itself where there is one", () => {
    const body = unitPlan({ numDevices: 3, numJobs: 4, parts: 2, steps: 3, lengths: [16, 40, 7] });
    expect(joinPipelines([{ body, jobs: [0, 1, 2, 3] }])).toEqual(body);
  });

  it("have null for the link that would join them", () => {
    const body = unitPlan({ numDevices: 2, numJobs: 1, parts: 1, steps: 1 });
    const { links, pipelines, groups, actions } = joinPipelines([
      { body, jobs: [1] },
      { body, jobs: [0] },
    ]);
    expect(links).toEqual([body.links[0], null, body.links[0]]);
    const { room } = body.pipelines[0]!;
    expect(pipelines).toEqual([
      { firstStage: 0, endStage: 2, room },
      { firstStage: 2, endStage: 4, room },
    ]);
    expect(groups.map(({ pipeline, members }) => [pipeline, members[0]!.job])).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(actions).toEqual([
      ["0F0", "0B0", "0U0"],
      ["1F0", "1B0", "1U0"],
      ["2F1", "2B1", "2U1"],
      ["3F1", "3B1", "3U1"],
    ]);
  });

  it("are refused where a job is on two of them or on none", () => {
    const body = unitPlan({ numDevices: 1, numJobs: 1, parts: 1, steps: 1 });
    const part = { body, jobs: [0] };
    expect(() => joinPipelines([part, part])).toThrow(InvariantError);
    expect(() => joinPipelines([{ body, jobs: [1] }])).toThrow(InvariantError);
  });
});

describe("the chains of a cluster", () => {
  const machines = (...counts: readonly number[]) =>
    counts.flatMap((count, machine) => Array.from({ length: count }, () => ({ machine: `m${machine}` })));
  const lengths = (devices: ReturnType<typeof machines>, numChains: number): readonly number[] =>
    chains(devices, numChains).map((chain) => chain.length);

  it("are neighbours, all devices in order", () => {
    expect(chains(machines(4), 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(chains(machines(3), 3)).toEqual([[0], [1], [2]]);
    expect(chains(machines(3), 1)).toEqual([[0, 1, 2]]);
  });

  it("differ by at most one device where they cannot be equal, the longer ones first", () => {
    expect(lengths(machines(7), 3)).toEqual([3, 2, 2]);
    expect(lengths(machines(5), 4)).toEqual([2, 1, 1, 1]);
  });

  it("stay inside machines where lengths allow it", () => {
    expect(lengths(machines(2, 3), 2)).toEqual([2, 3]);
    expect(lengths(machines(4, 3, 4), 4)).toEqual([3, 3, 3, 2]);
    expect(lengths(machines(2, 3, 2), 3)).toEqual([2, 3, 2]);
  });

  it("are at most as many as devices", () => {
    expect(() => chains(machines(2), 3)).toThrow(PlanError);
  });
});
