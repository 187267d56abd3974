import { describe, expect, test } from "vitest";
import { createRng } from "../../core/index.ts";
import { createCostModel, SCHEDULE_TABLE, SCHEDULES, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import type { Trace } from "../../traces/index.ts";
import { isQuick } from "../level.ts";
import { adapterBytes, packsAsPlanned, runSmall, SMALL, type SmallJob, type SmallRun, smallCase } from "./small-run.ts";

const PLANS = isQuick ? 6 : 32;

interface RandomPlan {
  readonly jobs: readonly SmallJob[];
  readonly run: SmallRun;
}

/** Micro-batches of 6 to some hundreds of tokens, in any schedule and grouping. */
function randomPlan(seed: number): RandomPlan {
  const rng = createRng(`unequal slots ${seed}`);
  const pick = <T>(list: readonly T[]): T => list[rng.nextInt(list.length)]!;
  const jobs = Array.from({ length: 1 + rng.nextInt(4) }, () => ({
    rank: 1 + rng.nextInt(9),
    dropout: pick([0, 0.1]),
    targets: UNFUSED_PROJECTIONS.filter((projection) => projection === "v_proj" || rng.nextFloat() < 0.5),
    batchSize: pick([2, 4]),
    microBatchSize: pick([1, 2]),
    steps: 2 + rng.nextInt(3),
    length: 6,
    spread: pick([30, 120, 400]),
  }));
  return {
    jobs,
    run: {
      devices: seed % 2 === 0 ? "cpu:0" : "cpu:0,cpu:1",
      dtype: seed % 4 < 2 ? "float32" : "bfloat16",
      recompute: seed % 8 < 4 ? "none" : "layer",
      schedule: pick(SCHEDULES),
      groups: pick(["auto", "unfused", 1] as const),
    },
  };
}

function peaks(trace: Trace, numDevices: number): readonly number[] {
  return Array.from({ length: numDevices }, (_, device) =>
    Math.max(
      ...trace.counters
        .filter((sample) => sample.counter === "memory" && sample.device === device)
        .map(({ value }) => value),
    ),
  );
}

describe.each(Array.from({ length: PLANS }, (_, seed) => randomPlan(seed)))(
  "micro-batches of very unequal lengths, plan %#",
  ({ jobs, run }) => {
    test("take the memory that is planned to the byte, simulated and executed, and train what one micro-batch at a time trains", async () => {
      const given = smallCase(jobs, { ...SMALL, numLayers: 4, qkvBias: jobs.length % 2 === 0 });
      const { plan, statistics, trace, adapters } = await runSmall(given, run);
      const planned = plan.memory.map(({ total }) => total);
      const simulated = simulate({
        plan,
        planHash: plan.hash,
        costModel: createCostModel(plan.calibration, plan.model.dtype),
      });
      expect(peaks(simulated, plan.devices.length)).toEqual(planned);
      plan.memory.forEach((memory, stage) => {
        const held = statistics[stage]!.memory;
        // What oneDNN keeps for its products is planned for the builds that the plan counts on.
        const room = memory.activations + memory.buffers + memory.workspace;
        if (packsAsPlanned(run.dtype)) expect(held.arenaBytes + held.otherBytes).toBe(room);
        expect(held.arenaBytes).toBeLessThanOrEqual(room);
        // Where jobs end before others begin, the last ones' adapters may take less than what was there at most, which
        // peaks have.
        expect(held.adaptersBytes).toBeLessThanOrEqual(memory.adapters + memory.optimizer);
        if (SCHEDULE_TABLE[plan.schedule].interleavesGroups || plan.groups.length === 1)
          expect(held.adaptersBytes).toBe(memory.adapters + memory.optimizer);
      });
      if (packsAsPlanned(run.dtype)) {
        expect(statistics.map(({ memory }) => memory.peakBytes)).toEqual(planned);
        expect(peaks(trace, plan.devices.length)).toEqual(planned);
      }
      // Gradients are added up in the order of the backwards, which GPipe turns around.
      const schedule = SCHEDULE_TABLE[plan.schedule].reversesBackwards ? plan.schedule : "sequential";
      const reference = await runSmall(given, { ...run, schedule, groups: "unfused", recompute: "none" });
      const differing = plan.jobs.filter(
        (_, job) => adapterBytes(adapters[job]!) !== adapterBytes(reference.adapters[job]!),
      );
      expect(differing.map(({ name }) => name)).toEqual([]);
    });
  },
);
