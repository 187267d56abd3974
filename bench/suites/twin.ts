import { createCostModel } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { compareTraces } from "../../traces/index.ts";
import { calibrateFor } from "../calibrate.ts";
import { summarize } from "../measurement.ts";
import { type Bench, isWanted, type Scale, type Suite } from "../suite.ts";
import { acceptedDtypes, benchModel, peakBytes, plannedBytes, train } from "../train.ts";
import { type TwinFamily, twinFamilies } from "../twin-workloads.ts";
import { benchPlan } from "../workload.ts";

const RUNS: Readonly<Record<Scale, number>> = { full: 3, quick: 1, tiny: 1 };

async function measure(bench: Bench, { name, dtype, calibration: shape, workloads }: TwinFamily): Promise<void> {
  bench.note(`calibrating ${name}, ${dtype}`);
  const calibration = await calibrateFor(shape);
  const costModel = createCostModel(calibration, dtype);
  for (const [workload, of] of Object.entries(workloads)) {
    bench.note(`${workload}; ${name}, ${dtype}`);
    const plan = benchPlan({ ...of, calibration });
    const simulated = simulate({ plan, planHash: plan.hash, costModel });
    const comparisons = [];
    const peaks = [];
    for (let run = 0; run < RUNS[bench.scale]; run += 1) {
      const result = await train(plan, benchModel(plan.model.architecture));
      comparisons.push(compareTraces(simulated, result.trace));
      peaks.push(peakBytes(result) / plannedBytes(plan) - 1);
    }
    const record = (what: string, values: readonly number[], unit: string): void =>
      bench.record({ name: what, parameters: { workload, model: name, dtype }, ...summarize(values), unit });
    record(
      "makespan",
      comparisons.map(({ executed }) => executed.makespanSeconds),
      "s",
    );
    record(
      "makespan error",
      comparisons.map(({ makespanError }) => makespanError),
      "share",
    );
    record(
      "mean action error",
      comparisons.map(({ meanAbsActionError }) => meanAbsActionError),
      "share",
    );
    record(
      "weighted action error",
      comparisons.map(({ weightedActionError }) => weightedActionError),
      "share",
    );
    record("peak memory, measured to planned", peaks, "share");
  }
}

export const twin: Suite = {
  describe: "simulated against executed, on workloads that the calibration has not seen",
  async run(bench) {
    for (const family of twinFamilies(bench.scale, await acceptedDtypes()))
      if (isWanted(bench, `${family.name}, ${family.dtype}`)) await measure(bench, family);
  },
};
