import type { Calibration } from "../../plan/index.ts";
import { createCostModel } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { runPlan } from "../../sim/run-plan.ts";
import { summarize } from "../measurement.ts";
import type { Scale, Suite } from "../suite.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL } from "../workload.ts";

const STEPS: Readonly<Record<Scale, number>> = { full: 5000, quick: 500, tiny: 20 };
const RUNS: Readonly<Record<Scale, number>> = { full: 5, quick: 3, tiny: 1 };

/** Transfers that take time, so that all streams have events. */
const CALIBRATION: Calibration = {
  kind: "calibration",
  version: 1,
  model: "constant",
  seconds: { F: 0.01, B: 0.02, transfer: 0.0005, update: 0.001 },
};

export const simulator: Suite = {
  describe: "events a second of a long run, with the trace and without",
  async run(bench) {
    for (const stages of [2, 4]) {
      const plan = benchPlan({
        model: { ...MODEL.tiny, layers: stages },
        dtype: "float32",
        jobs: Array.from({ length: 4 }, () => ({
          rank: 8,
          targets: ATTENTION_TARGETS,
          batchSize: 4,
          microBatchSize: 1,
          length: 256,
          steps: STEPS[bench.scale],
        })),
        devices: Array.from({ length: stages }, () => 1),
        calibration: CALIBRATION,
      });
      const costModel = createCostModel(plan.calibration, plan.model.dtype);
      const { events } = simulate({ plan, planHash: plan.hash, costModel });
      const parameters = { stages, jobs: plan.jobs.length, events: events.length };
      const forms = [
        ["with the trace", () => void simulate({ plan, planHash: plan.hash, costModel })],
        ["times alone", () => void runPlan(plan, costModel)],
      ] as const;
      for (const [name, form] of forms) {
        const rates = Array.from({ length: RUNS[bench.scale] }, () => {
          const start = performance.now();
          form();
          return events.length / ((performance.now() - start) / 1000);
        });
        bench.record({ name, parameters, ...summarize(rates), unit: "events/s" });
      }
    }
  },
};
