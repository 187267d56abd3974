import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, InputError } from "../../core/index.ts";
import { peakInFlight } from "../../plan/actions/in-flight.ts";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import { microBatchTokens } from "../../plan/actions/mini-batch.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import { JOB_DEFAULTS, jobSchema } from "../../plan/documents/workload.ts";
import {
  constantCalibration,
  createCostModel,
  type PlanBody,
  parsePlan,
  planDocument,
  planOrders,
  SCHEDULES,
  type Stage,
  sealPlan,
  validatePlan,
} from "../../plan/index.ts";
import { groupJobs } from "../../plan/planner/grouping.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { partitionLayers } from "../../plan/planner/partition.ts";
import { simulate } from "../../sim/index.ts";
import { unitPlan } from "./unit-plan.ts";

const catalog = { kind: "catalog", version: 1, devices: {}, links: {} } as const;

const jobArbitrary = fc.record({
  parts: fc.integer({ min: 1, max: 4 }),
  microBatchSize: fc.integer({ min: 1, max: 2 }),
  steps: fc.integer({ min: 1, max: 4 }),
  lengths: fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 5 }),
  clip: fc.boolean(),
});

const workloadArbitrary = fc.record({
  jobs: fc.array(jobArbitrary, { minLength: 1, maxLength: 5 }),
  numDevices: fc.integer({ min: 1, max: 6 }),
  schedule: fc.constantFrom(...SCHEDULES),
  maxInFlight: fc.constantFrom<"auto" | "none" | number>("auto", "none", 4, 7),
  groups: fc.constantFrom<"auto" | "unfused">("auto", "unfused"),
  transfer: fc.constantFrom(0, 0.1, 2),
  update: fc.constantFrom(0, 0.2),
});

function planOf(spec: typeof workloadArbitrary extends fc.Arbitrary<infer T> ? T : never): PlanBody {
  const jobs = spec.jobs.map((job, i) =>
    jobSchema.parse({
      ...JOB_DEFAULTS,
      optimizer: { ...JOB_DEFAULTS.optimizer, ...(job.clip ? { maxGradNorm: 1 } : {}) },
      name: `job${i}`,
      data: { lengths: job.lengths, samples: 16 },
      batchSize: job.parts * job.microBatchSize,
      microBatchSize: job.microBatchSize,
      steps: job.steps,
    }),
  );
  const cluster = clusterFromList(`unit*${spec.numDevices}`);
  const devices = resolveDevices(cluster, catalog, { memoryBytes: 1, cores: () => 1 });
  return makePlan({
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"])),
    dtype: "float32",
    modelDigest: null,
    recompute: "none",
    jobs,
    rows: jobs.map((job) => lengthRows(job, job.data as LengthData)),
    devices,
    links: resolveLinks(cluster, devices, catalog),
    calibration: constantCalibration({ perTokens: 16, transfer: spec.transfer, update: spec.update }),
    schedule: spec.schedule,
    maxInFlight: spec.maxInFlight,
    groups: spec.groups,
  });
}

test("every schedule of a random workload validates, ends within its buffers and is no shorter than its busiest device", {
  tags: ["slow"],
}, () => {
  fc.assert(
    fc.property(workloadArbitrary, (spec) => {
      const plan = planOf(spec);
      validatePlan(plan);
      const peaks = planOrders(plan).map(peakInFlight);
      plan.maxInFlight?.forEach((limit, stage) => {
        expect(peaks[stage]).toBeLessThanOrEqual(limit!);
        if (typeof spec.maxInFlight === "number") expect(limit).toBeLessThanOrEqual(spec.maxInFlight);
      });
      const trace = simulate({ plan, planHash: "", costModel: createCostModel(plan.calibration, "float32") });
      const compute = trace.events.filter((event) => event.stream === "compute");
      expect(compute.length).toBe(plan.actions.reduce((sum, order) => sum + order.length, 0));
      const busy = plan.stages.map(({ device }) =>
        compute.filter((event) => event.device === device).reduce((sum, event) => sum + event.durationNs, 0),
      );
      const makespan = Math.max(...compute.map((event) => event.startNs + event.durationNs));
      expect(makespan).toBeGreaterThanOrEqual(Math.max(...busy));
    }),
    { numRuns: 150, seed: 7 },
  );
});

test("packing keeps every row of every step once, with its tokens", () => {
  fc.assert(
    fc.property(workloadArbitrary, (spec) => {
      const plan = planOf(spec);
      plan.jobs.forEach((job, index) => {
        const source = lengthRows({ ...job, arrivalSeconds: 0 }, job.data as LengthData);
        for (let step = 0; step < job.steps; step += 1) {
          const rows = plan.microBatches
            .filter((microBatch) => microBatch.step === step)
            .flatMap((microBatch) => microBatch.rows.filter(([owner]) => owner === index));
          expect(rows.map(([, row]) => row)).toEqual(source.steps.at(step));
          expect(microBatchTokens({ rows })).toBe(
            source.steps.at(step)!.reduce((sum, row) => sum + source.tokens[row]!, 0),
          );
        }
      });
    }),
    { numRuns: 60, seed: 7 },
  );
});

test("the partition covers all layers in order, and no other one has a faster slowest stage", () => {
  const cuts = (layers: number, devices: number): readonly (readonly number[])[] =>
    devices === 1
      ? [[layers]]
      : Array.from({ length: layers - devices + 1 }, (_, i) => i + 1).flatMap((own) =>
          cuts(layers - own, devices - 1).map((rest) => [own, ...rest]),
        );
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 }),
      fc.integer({ min: 1, max: 4 }),
      fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })),
      (layers, wanted, [embedding, head]) => {
        const numDevices = Math.min(wanted, layers.length);
        const cost = (stage: Pick<Stage, "firstLayer" | "endLayer" | "embedding" | "head">): number =>
          layers.slice(stage.firstLayer, stage.endLayer).reduce((sum, value) => sum + value, 0) +
          (stage.embedding ? embedding : 0) +
          (stage.head ? head : 0);
        const stages = partitionLayers(layers.length, numDevices, cost);
        expect(stages.flatMap((s) => layers.slice(s.firstLayer, s.endLayer))).toEqual(layers);
        const best = Math.min(
          ...cuts(layers.length, numDevices).map((sizes) => {
            let firstLayer = 0;
            return Math.max(
              ...sizes.map((size, i) => {
                const endLayer = firstLayer + size;
                const own = cost({ firstLayer, endLayer, embedding: i === 0, head: i === numDevices - 1 });
                firstLayer = endLayer;
                return own;
              }),
            );
          }),
        );
        expect(Math.max(...stages.map(cost))).toBe(best);
      },
    ),
    { numRuns: 200, seed: 7 },
  );
});

test("groups hold each job once and differ by at most the heaviest job", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      (loads, numGroups) => {
        const groups = groupJobs(loads, numGroups);
        expect(groups.flat().sort((a, b) => a - b)).toEqual(loads.map((_, job) => job));
        const totals = groups.map((jobs) => jobs.reduce((sum, job) => sum + loads[job]!, 0));
        expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(Math.max(...loads));
      },
    ),
    { seed: 7 },
  );
});

test("any edit of a plan is refused, by its schema or its hash", () => {
  const plan = sealPlan(unitPlan({ numDevices: 2, numJobs: 2, parts: 2, steps: 2 }), {
    model: null,
    data: {},
    init: {},
  });
  const document = planDocument(plan);
  expect(parsePlan(canonicalJson(document), "plan.json")).toEqual(plan);
  const places: (readonly (string | number)[])[] = [];
  const walk = (value: unknown, at: readonly (string | number)[]): void => {
    if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(inner, [...at, key]);
    else if (at[0] !== "locations" && at[0] !== "hash") places.push(at);
  };
  walk(document, []);
  fc.assert(
    fc.property(fc.constantFrom(...places), (place) => {
      const edited = structuredClone(document) as unknown as Record<string | number, unknown>;
      let parent = edited;
      for (const key of place.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
      const last = place[place.length - 1]!;
      const old = parent[last];
      parent[last] = typeof old === "number" ? old + 1 : typeof old === "boolean" ? !old : `${String(old)}x`;
      expect(() => parsePlan(canonicalJson(edited), "plan.json")).toThrow(InputError);
    }),
    { numRuns: 60, seed: 7 },
  );
});

test("with four devices and constant costs the limit is 4 when transfers are free and 7 when each takes 9 % of a stage's time", () => {
  const limit = (transfer: number): number | null | undefined =>
    unitPlan({ numDevices: 4, numJobs: 4, parts: 4, steps: 6, transfer, maxInFlight: "auto" }).maxInFlight?.[0];
  expect([limit(0), limit(0.27)]).toEqual([4, 7]);
});
