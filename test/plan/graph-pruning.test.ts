import { expect, test } from "vitest";
import {
  architectureFromConfig,
  constantCalibration,
  createCostModel,
  huggingFaceConfigSchema,
  type PlanBody,
  PRESETS,
  type Projection,
  splitCosts,
  withoutPruning,
} from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { unitPlan } from "./unit-plan.ts";

const ATTENTION: Projection[] = ["q_proj", "k_proj", "v_proj", "o_proj"];

function architectureOf(name: string) {
  return architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[name]!));
}

function adapter(targets: readonly Projection[]) {
  return { adapter: { rank: 16, alpha: 32, dropout: 0, targets: [...targets] } };
}

test("pruning saves 4 bytes for each row and feature of every LoRA operator in fp32", () => {
  const architecture = architectureOf("llama-2-7b");
  const rows = 8 * 512;
  for (const operators of [1, 2, 4]) {
    const { pieceBytes, trafficBytes } = splitCosts(
      architecture,
      [adapter(ATTENTION.slice(0, operators))],
      "float32",
      rows,
    );
    expect(pieceBytes).toBe(operators * 4 * rows * 4096);
    // Split and concatenation read and write once each.
    expect(trafficBytes).toBe(operators * 4 * 4 * rows * 4096);
  }
  expect(splitCosts(architecture, [adapter(["q_proj"])], "bfloat16", rows).pieceBytes).toBe(2 * rows * 4096);
  // Jobs that target the same projection share its operator.
  expect(
    splitCosts(architecture, [adapter(["q_proj"]), adapter(["q_proj", "v_proj"])], "float32", rows).pieceBytes,
  ).toBe(2 * 4 * rows * 4096);
});

// Source: PVLDB 18(6), 1948-1961, Fig. 16: GB without and with pruning; one layer's operators at a time, since layers
// are recomputed.
test.each([
  ["tinyllama-1.1b", 1, 3.5, 3.39],
  ["tinyllama-1.1b", 8, 15.57, 14.43],
  ["llama-2-7b", 1, 11.1, 10.8],
  ["llama-2-7b", 5, 23.79, 22.15],
] as const)("what %s with %i adapters saves is of the published size", (model, adapters, without, pruned) => {
  const { pieceBytes } = splitCosts(architectureOf(model), [adapter(ATTENTION)], "float32", adapters * 8 * 512);
  const published = (without - pruned) * 1e9;
  expect(pieceBytes / published).toBeGreaterThan(0.75);
  expect(pieceBytes / published).toBeLessThan(1.3);
});

/** Unit devices that move a megabyte a second. */
function plan(more: Partial<Parameters<typeof unitPlan>[0]> = {}): PlanBody {
  const body = unitPlan({ numDevices: 2, numJobs: 4, parts: 2, steps: 2, ...more });
  return { ...body, devices: body.devices.map((device) => ({ ...device, memoryBytesPerSecond: 1e6 })) };
}

test("without pruning each stage keeps the pieces of its layers and micro-batches in flight, and moves them", () => {
  const pruned = plan();
  const costModel = createCostModel(constantCalibration(), "float32");
  const unpruned = withoutPruning(pruned, costModel);
  const { architecture } = pruned.model;
  const tokens = (microBatch: PlanBody["microBatches"][number]): number =>
    microBatch.rows.reduce((all, row) => all + row[2], 0);
  const costs = splitCosts(architecture, pruned.jobs, "float32", tokens(pruned.microBatches[0]!));
  pruned.stages.forEach(({ firstLayer, endLayer }, stage) => {
    let [now, most] = [0, 0];
    for (const key of pruned.actions[stage]!) {
      now += key.includes("F") ? 1 : key.includes("B") ? -1 : 0;
      most = Math.max(most, now);
    }
    expect(unpruned.plan.memory[stage]!.total - pruned.memory[stage]!.total).toBe(
      most * (endLayer - firstLayer) * costs.pieceBytes,
    );
  });
  const durations = (trace: ReturnType<typeof simulate>) =>
    new Map(
      trace.events.filter(({ stream }) => stream === "compute").map(({ action, durationNs }) => [action, durationNs]),
    );
  const [before, after] = [
    durations(simulate({ plan: pruned, planHash: "", costModel })),
    durations(simulate({ plan: unpruned.plan, planHash: "", costModel: unpruned.costModel })),
  ];
  const { firstLayer, endLayer } = pruned.stages[1]!;
  const traffic = ((endLayer - firstLayer) * costs.trafficBytes) / 1e6;
  for (const key of ["1F0", "1B0"]) expect((after.get(key)! - before.get(key)!) / 1e9).toBeCloseTo(traffic, 6);
});

test("a plan that only fits with pruning is refused with the table, and a device of unknown rate is named", () => {
  const roomy = plan();
  const costModel = createCostModel(constantCalibration(), "float32");
  const tight = {
    ...roomy,
    devices: roomy.devices.map((device, at) => ({ ...device, memoryBytes: roomy.memory[at]!.total })),
  };
  expect(() => withoutPruning(tight, costModel)).toThrow(
    /fits into the devices' memory without graph pruning|too much/,
  );
  const unknown = { ...roomy, devices: roomy.devices.map((device) => ({ ...device, memoryBytesPerSecond: null })) };
  const variant = withoutPruning(unknown, costModel);
  expect(() => simulate({ ...variant, planHash: "" })).toThrow(
    /memoryBytesPerSecond of device unit:0 for --no-pruning/,
  );
});
