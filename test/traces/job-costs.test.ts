import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../core/index.ts";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { JOB_DEFAULTS, jobSchema } from "../../plan/documents/workload.ts";
import {
  actionShares,
  architectureFromConfig,
  constantCalibration,
  createCostModel,
  dividedNs,
  huggingFaceConfigSchema,
  type PlanBody,
  PRESETS,
  Spending,
} from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { simulate } from "../../sim/index.ts";
import { runMetrics } from "../../traces/index.ts";

describe("time divided by weights", () => {
  it("gives the largest remainders one nanosecond more, and of equal ones the first", () => {
    expect(dividedNs(10, [1, 1, 1])).toEqual([4, 3, 3]);
    expect(dividedNs(10, [3, 0, 4])).toEqual([4, 0, 6]);
    expect(dividedNs(7, [0, 0])).toEqual([4, 3]);
    expect(dividedNs(0, [5, 3])).toEqual([0, 0]);
  });

  it("adds up, and is less than a nanosecond off, whatever the sizes are", () => {
    const weights = fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), weights, (ns, own) => {
        const parts = dividedNs(ns, own);
        expect(sum(parts)).toBe(ns);
        const total = own.reduce((all, each) => all + BigInt(each), 0n);
        if (total === 0n) return;
        parts.forEach((part, i) => {
          const off = BigInt(part) * total - BigInt(ns) * BigInt(own[i]!);
          expect(off > -total && off < total).toBe(true);
        });
      }),
    );
  });
});

const jobArbitrary = fc.record({
  rank: fc.constantFrom(1, 3, 7, 16),
  parts: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 3 }),
  lengths: fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 5 }),
  isEvaluated: fc.boolean(),
});

const planArbitrary = fc.record({
  jobs: fc.array(jobArbitrary, { minLength: 1, maxLength: 5 }),
  devices: fc.constantFrom([1, 1], [3, 1], [4, 2], [5, 1], [6, 3]),
  schedule: fc.constantFrom("lorapp", "1f1b", "sequential"),
  recompute: fc.constantFrom("none", "layer"),
  transfer: fc.constantFrom(0, 0.1),
});
type Spec = typeof planArbitrary extends fc.Arbitrary<infer T> ? T : never;

const catalog = { kind: "catalog", version: 1, devices: {}, links: {} } as const;

function planOf({ jobs: specs, devices: [numDevices, pipelines], schedule, recompute, transfer }: Spec): PlanBody {
  const jobs = specs.map(({ rank, parts, steps, lengths, isEvaluated }, i) =>
    jobSchema.parse({
      ...JOB_DEFAULTS,
      adapter: { ...JOB_DEFAULTS.adapter, rank },
      name: `job${i}`,
      data: { lengths, samples: 16 },
      batchSize: parts,
      steps,
      ...(isEvaluated ? { evaluation: { share: 0.3, everySteps: 2, keepBest: false } } : {}),
    }),
  );
  const numPipelines = Math.min(pipelines!, jobs.length);
  const cluster = clusterFromList(`unit*${numDevices}`);
  const devices = resolveDevices(cluster, catalog, { memoryBytes: 1, cores: () => 1 });
  return makePlan({
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"])),
    ...{ dtype: "float32", modelDigest: null, recompute: recompute as "none", jobs, devices },
    rows: jobs.map((job) => lengthRows(job, job.data as LengthData)),
    links: resolveLinks(cluster, devices, catalog),
    // Odd nanoseconds, so that hardly a share is whole.
    calibration: constantCalibration({ F: 0.123456789, B: 0.234567891, perTokens: 7, transfer, update: 0.098765431 }),
    ...{ schedule: schedule as "lorapp", pipelines: numPipelines, maxInFlight: "auto" },
    groups: schedule === "lorapp" ? 1 : "unfused",
  });
}

const nsOf = (seconds: number): number => Math.round(seconds * 1e9);

describe("what jobs take of devices", () => {
  it("adds up to the time for which each device was busy, to the nanosecond, and idle time is the rest", {
    tags: ["slow"],
  }, () => {
    let [numShared, numEvaluations] = [0, 0];
    fc.assert(
      fc.property(planArbitrary, (spec) => {
        const plan = { ...planOf(spec), hash: "" };
        const trace = simulate({ plan, planHash: "", costModel: createCostModel(plan.calibration, "float32") });
        numShared += plan.groups.filter(({ members }) => members.length > 1).length;
        const metrics = runMetrics(plan, trace);
        const perDevice = plan.devices.map(() => 0);
        for (const event of trace.events) {
          if (event.stream !== "compute") continue;
          if (event.letter === "E") numEvaluations += 1;
          const microBatch = plan.microBatches[event.microBatch]!;
          const shares = actionShares(plan, plan, event, microBatch, event.durationNs);
          for (const { job, device, ns } of shares) {
            expect(event.jobs.length === 0 || event.letter === "U" || event.jobs.includes(job)).toBe(true);
            perDevice[device]! += ns;
          }
        }
        expect(perDevice).toEqual(metrics.devices.map(({ busySeconds }) => nsOf(busySeconds)));
        expect(sum(metrics.jobs.map(({ deviceSeconds }) => nsOf(deviceSeconds)))).toBe(sum(perDevice));
        const idleNs = sum(metrics.devices.map(({ idleSeconds }) => nsOf(idleSeconds)));
        expect(sum(perDevice) + idleNs).toBe(nsOf(metrics.makespanSeconds) * plan.devices.length);
      }),
      { numRuns: 120, seed: 11 },
    );
    expect(numShared).toBeGreaterThan(20);
    expect(numEvaluations).toBeGreaterThan(100);
  });

  it("costs what its devices cost, each by its own price", () => {
    const price = (perHour: number) => ({ price: { perHour, currency: "USD" } });
    const spending = new Spending([price(3600), price(7200)], new Map([["b", { deviceSeconds: 1 }]]));
    spending.add([
      { job: "a", device: 0, ns: 1e9 },
      { job: "a", device: 1, ns: 5e8 },
      { job: "b", device: 1, ns: 1e9 },
    ]);
    expect(spending.of("a")).toEqual({ deviceSeconds: 1.5, cost: { amount: 2, currency: "USD" } });
    // Nobody knows what its first second cost.
    expect(spending.of("b")).toEqual({ deviceSeconds: 2 });
    expect(spending.of("c")).toEqual({ deviceSeconds: 0 });
  });
});
