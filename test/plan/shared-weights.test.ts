import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBytes, sum } from "../../core/index.ts";
import type { PlanBody, ResolvedDevice } from "../../plan/index.ts";
import { heldBytes } from "../../plan/memory/memory-model.ts";
import { memoryLoads, sharedWeights, sharedWeightsText } from "../../plan/memory/shared-weights.ts";
import { joinPipelines, type PipelinePart } from "../../plan/planner/join-pipelines.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { unitRequest } from "./unit-plan.ts";

/** Pipelines of so many devices each, all devices made by `deviceOf`. */
function partsOf(
  lengths: readonly number[],
  deviceOf: (device: ResolvedDevice, index: number) => Partial<ResolvedDevice>,
): readonly PipelinePart[] {
  let next = 0;
  return lengths.map((numDevices, job): PipelinePart => {
    const request = unitRequest({ numDevices, numJobs: 1, parts: 1, steps: 1 });
    const devices = request.devices.map((device): ResolvedDevice => ({ ...device, ...deviceOf(device, next++) }));
    return { body: makePlan({ ...request, devices }), jobs: [job] };
  });
}

function cpu(machine: string): (device: ResolvedDevice, index: number) => Partial<ResolvedDevice> {
  return (_, index) => ({ name: `cpu:${index}`, kind: "cpu", machine, memoryBytes: 2 ** 37 });
}

/** The rotary frequencies, which every device has itself. */
function ownBytes({ model, stages }: PlanBody): number {
  const stage = { ...stages[0]!, firstLayer: 0, endLayer: 0, embedding: false, head: false };
  return heldBytes({ ...model, stage, jobs: [], maxSequence: 1, kind: "cpu", threads: 1 }).weights;
}

const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 });

describe("weights of pipelines on one machine", () => {
  it("are counted by the first one's devices, whatever layers each stage has", () => {
    fc.assert(
      fc.property(lengths, (numDevices) => {
        const parts = partsOf(numDevices, cpu("local"));
        const whole = joinPipelines(parts);
        const alone = parts.flatMap(({ body }) => body.memory);
        const [first] = whole.pipelines;
        whole.memory.forEach((memory, stage) => {
          const saved = alone[stage]!.weights - memory.weights;
          expect(saved).toBe(stage < first!.endStage ? 0 : alone[stage]!.weights - ownBytes(whole));
          expect(memory).toEqual({ ...alone[stage]!, weights: memory.weights, total: alone[stage]!.total - saved });
        });
      }),
      { numRuns: 15 },
    );
  });

  it("are counted by the stages that have the layers, and the plan says so", () => {
    const whole = joinPipelines(partsOf([2, 1], cpu("local")));
    expect(sharedWeights(whole).map(({ countedBy }) => countedBy)).toEqual([[], [], [0, 1]]);
    const bytes = sharedWeights(whole)[2]!.bytes;
    expect(sharedWeightsText(whole)).toEqual([
      `cpu:2 reads ${formatBytes(bytes)} of weights that are counted on cpu:0 and cpu:1`,
      `cpu:0, cpu:1, cpu:2 share one memory: ${formatBytes(sum(whole.memory.map(({ total }) => total)))} of 384.00 GiB in all`,
    ]);
  });

  it("are each pipeline's own on machines of their own, and on devices that are no CPUs", () => {
    for (const parts of [
      partsOf([2, 2], (device, index) => ({ ...cpu(`machine${index >> 1}`)(device, index) })),
      partsOf([2, 2], (_, index) => ({ name: `cuda:${index}`, kind: "cuda", machine: "local" })),
      partsOf([2, 2], (_, index) => ({ name: `unit:${index}` })),
    ]) {
      const whole = joinPipelines(parts);
      expect(whole.memory).toEqual(parts.flatMap(({ body }) => body.memory));
      expect(sharedWeightsText(whole)).toEqual([]);
    }
  });

  it("are those of a GPU for the devices that share it", () => {
    const names = ["cuda:0#0", "cuda:1#0", "cuda:0#1"];
    const parts = partsOf([1, 1, 1], (_, index) => ({ name: names[index]!, kind: "cuda", machine: "local" }));
    expect(sharedWeights(joinPipelines(parts)).map(({ countedBy }) => countedBy)).toEqual([[], [], [0]]);
  });
});

describe("the memory of devices that share one", () => {
  it("is added up over the CPU devices of a machine, and against what they have together", () => {
    const whole = joinPipelines(
      partsOf([2, 1, 1], (device, index) => ({
        ...cpu(index < 3 ? "a" : "b")(device, index),
        memoryBytes: 2 ** 37 + index,
      })),
    );
    expect(memoryLoads(whole)).toEqual([
      { stages: [0, 1, 2], bytes: sum(whole.memory.slice(0, 3).map(({ total }) => total)), capacity: 3 * 2 ** 37 + 3 },
      { stages: [3], bytes: whole.memory[3]!.total, capacity: 2 ** 37 + 3 },
    ]);
  });
});

describe("pipelines that the planner puts on one memory", () => {
  const request = (gibibytes: number) => {
    const { devices, ...rest } = unitRequest({ numDevices: 2, numJobs: 2, parts: 1, steps: 1 });
    const local = devices.map((device, index) => ({ ...device, ...cpu("local")(device, index) }));
    return { ...rest, pipelines: 2, devices: local.map((device) => ({ ...device, memoryBytes: gibibytes * 2 ** 30 })) };
  };

  it("may take what the copy of the base model that is not there leaves, and no more", () => {
    const { memory } = makePlan(request(2 ** 10));
    const least = sum(memory.map(({ total }) => total)) / 2 ** 31;
    // A copy in each one's share would not fit.
    expect(memory[0]!.total / 2 ** 30).toBeGreaterThan(1.5 * least);
    const plan = makePlan(request(least + 0.01));
    expect(plan.pipelines).toHaveLength(2);
    for (const { bytes, capacity } of memoryLoads(plan)) expect(bytes).toBeLessThanOrEqual(capacity!);
    expect(() => makePlan(request(least - 0.01))).toThrow("a plan that fits into the devices' memory");
  });
});
