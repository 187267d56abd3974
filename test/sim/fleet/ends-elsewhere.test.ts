import { expect, it } from "vitest";
import { createCostModel, fleetSetting, Scheduler, WorkWriter } from "../../../plan/index.ts";
import { expectedEnds } from "../../../sim/fleet/predict-ends.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { simulatedJob } from "../../../sim/fleet/simulate-fleet.ts";
import { endsElsewhere, fleetModel, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";

it("ends that are found elsewhere, from copies told piece by piece, are those found here", () => {
  const options = { devices: "unit*2", groups: "unfused" } as const;
  const plan = planSmall(smallCase([{ steps: 30 }, { steps: 20, rank: 2 }, { steps: 10 }, { steps: 30 }]), options);
  const setting = fleetSetting(plan, { jobsAtOnce: 2 });
  const works = worksOfPlan(plan);
  const costs = createCostModel(plan.calibration, "float32");
  const { resources, policyOf, timesOf } = fleetModel({ setting, costs, works, most: 2 });
  const policy = policyOf("fifo");
  const times = timesOf(policy);
  const jobs = works.map((work, number) =>
    simulatedJob({ work, arrival: { user: "", arrivalNs: number * 1e9, deadlineNs: null } }),
  );
  const run = new FleetRun(jobs, new Scheduler(policy, resources), { numPipelines: 1, times, isAhead: true });
  run.advance({ untilNs: 40e9 });
  const { state } = run.cut();
  const here = expectedEnds({ state, policy, machines: { resources, times, isAhead: true } });
  expect(here.size).toBeGreaterThan(1);
  const { calibration } = plan;
  const fleet = structuredClone({ id: -1, setting, calibration, policy: "fifo", most: 2 } as const);
  const nothing = { sizes: [], over: [], unused: [], state: null };
  const added = works.map((work) => new WorkWriter().write(work).work);
  expect(endsElsewhere(structuredClone({ ...nothing, fleet, added: added.slice(0, 3) }))).toEqual([]);
  const elsewhere = endsElsewhere(structuredClone({ ...nothing, fleet, added: added.slice(3), state }));
  expect(new Map(elsewhere)).toEqual(here);
});
