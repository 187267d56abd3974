import { canonicalJson, median } from "../../core/index.ts";
import type { ExecuteResult } from "../../exec/index.ts";
import type { MeasuredCalibration, Plan } from "../../plan/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { calibrateShapes } from "../calibrate.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { benchModel, train } from "../train.ts";
import { type TwinFamily, twinFamilies } from "../twin-workloads.ts";
import { benchPlan, type PlanShape } from "../workload.ts";

/** Turns of each of the two ways, one after the other, each first as often. */
const TURNS: Readonly<Record<Scale, number>> = { full: 6, default: 4, quick: 2, tiny: 2 };
const WORKLOADS: Readonly<Record<Scale, number>> = { full: 10, default: 10, quick: 4, tiny: 1 };
const FAMILY: Readonly<Record<Scale, Scale>> = { full: "default", default: "quick", quick: "tiny", tiny: "tiny" };
const TWO_DEVICES = [1, 1];

/** Workloads of several jobs on two devices, in the order of their families. */
function workloadsOf(families: readonly TwinFamily[], count: number) {
  const all = families.flatMap((family) =>
    Object.entries(family.workloads)
      .filter(([, { jobs, schedule, recompute }]) => jobs.length > 1 && (schedule ?? recompute) === undefined)
      .map(([name, shape]) => ({ family, name, shape: { ...shape, devices: TWO_DEVICES } })),
  );
  return all.slice(0, count);
}

function adaptersOf({ adapters }: ExecuteResult): string {
  return canonicalJson(adapters.map((pairs) => pairs.map(({ a, b }) => [Array.from(a), Array.from(b)])));
}

/** Both ways in turns: median seconds, and the adapters that each trained. */
async function trainBoth(plans: readonly [Plan, Plan], turns: number) {
  const seconds = plans.map((): number[] => []);
  const adapters: string[] = ["", ""];
  for (let turn = 0; turn < turns; turn += 1) {
    for (const way of turn % 2 === 0 ? [0, 1] : [1, 0]) {
      const plan = plans[way]!;
      const result = await train(plan, benchModel(plan.model.architecture));
      seconds[way]!.push(runMetrics(plan, result.trace).makespanSeconds);
      adapters[way] = adaptersOf(result);
    }
  }
  return { seconds, adapters };
}

async function compareWays(
  bench: Bench,
  workload: string,
  shape: PlanShape,
  calibration: MeasuredCalibration,
): Promise<void> {
  const planned = (pipelines: PlanShape["pipelines"]): Plan => {
    const { groups: _groups, ...open } = shape;
    return benchPlan({ ...open, calibration, pipelines });
  };
  const plans = [planned(1), planned(2)] as const;
  const { seconds, adapters } = await trainBoth([plans[0], plans[1]], TURNS[bench.scale]);
  const [one, two] = seconds.map(median) as [number, number];
  const chosen = planned("auto").pipelines.length;
  const parameters = { workload };
  const add = (name: string, value: number, unit: string): void =>
    bench.record({ name, parameters, value, unit, repetitions: TURNS[bench.scale], spread: null });
  add("one pipeline of two devices", one, "s");
  add("two pipelines of one", two, "s");
  add("predicted, one", plans[0].predicted!.makespanSeconds, "s");
  add("predicted, two", plans[1].predicted!.makespanSeconds, "s");
  add("pipelines chosen", chosen, "ratio");
  add("time lost by the choice", (chosen === 1 ? one : two) / Math.min(one, two) - 1, "share");
  add("same bytes trained", adapters[0] === adapters[1] ? 1 : 0, "share");
}

export const sideBySide: Suite = {
  describe:
    "two pipelines of one device against one of two, predicted and executed: whether the planner takes the faster",
  cases({ scale }) {
    const families = twinFamilies(FAMILY[scale], ["float32", "bfloat16"]);
    const calibrations = new Map<TwinFamily, Promise<MeasuredCalibration>>();
    return workloadsOf(families, WORKLOADS[scale]).map(
      ({ family, name, shape }): Case => ({
        name: `${name}, ${family.name}, ${family.dtype}`,
        seconds: 40,
        async run(bench) {
          const calibration = calibrations.get(family) ?? calibrateShapes(family.calibration);
          calibrations.set(family, calibration);
          await compareWays(bench, `${name}, ${family.name}, ${family.dtype}`, shape, await calibration);
        },
      }),
    );
  },
};
