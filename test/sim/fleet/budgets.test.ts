import { describe, expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import {
  budgetsOf,
  createCostModel,
  type FleetOutcome,
  fleetHistory,
  fleetSetting,
  type JobBudgets,
  Scheduler,
} from "../../../plan/index.ts";
import {
  besideTwin,
  type FleetMember,
  FleetRun,
  fleetModel,
  type SimulatedFleet,
  simulatedJob,
  simulateFleet,
  worksOfPlan,
} from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";

const SECOND = 1e9;
const STEPS = 40;
const PRICE = { perHour: 3600, currency: "USD" };

/** Four jobs on a pipeline of two stages, two at a time; the first two are of one user. */
function fleet(budgets: readonly JobBudgets[] = [], price?: typeof PRICE) {
  const small = Array.from({ length: 4 }, () => ({ steps: STEPS }));
  const plan = planSmall(smallCase(small), { devices: "unit*2", groups: "unfused" });
  const planned = fleetSetting(plan, { jobsAtOnce: 2 });
  const devices = planned.devices.map((device) => (price === undefined ? device : { ...device, price }));
  const members = worksOfPlan(plan).map(
    (work, number): FleetMember => ({
      work,
      arrival: {
        ...{ user: number < 2 ? "ann" : "bob", arrivalNs: 10 * number * SECOND, deadlineNs: null },
        ...budgets[number],
      },
    }),
  );
  const costs = createCostModel(plan.calibration, "float32");
  return { setting: { ...planned, devices }, costs, members, most: 2 };
}

const GRANULARITIES = ["iterations", "actions"] as const;
type Granularity = (typeof GRANULARITIES)[number];

const run = (given: ReturnType<typeof fleet>, granularity: Granularity): SimulatedFleet =>
  simulateFleet({ ...given, policy: "fifo", granularity });
const iterationsOf = ({ outcomes }: { readonly outcomes: readonly FleetOutcome[] }) =>
  outcomes.map(({ iterations }) => iterations);
const spentBy = ({ spent }: SimulatedFleet) => [...spent.values()].map(({ deviceSeconds }) => deviceSeconds);

describe.each(GRANULARITIES)("jobs with budgets, simulated by %s", (granularity) => {
  const free = run(fleet(), granularity);
  const whole = spentBy(free)[0]!;

  it("take of devices what all of their actions take, which is the same in either way", () => {
    expect(iterationsOf(free)).toEqual([STEPS, STEPS, STEPS, STEPS]);
    const other = run(fleet(), granularity === "actions" ? "iterations" : "actions");
    for (const [place, seconds] of spentBy(free).entries()) expect(seconds).toBeCloseTo(spentBy(other)[place]!, 3);
  });

  it("end after the iteration in which the budget is spent, and those of others go on", () => {
    const given = run(fleet([{ maxCost: { deviceSeconds: whole / 2 } }]), granularity);
    const [first, ...others] = iterationsOf(given);
    // What is queued when it is decided is trained.
    expect(first).toBeGreaterThanOrEqual(STEPS / 2);
    expect(first).toBeLessThanOrEqual(STEPS / 2 + 3);
    expect(others).toEqual([STEPS, STEPS, STEPS]);
    const [job] = fleetHistory(given.journal).jobs;
    expect(job).toMatchObject({ outcome: "stopped", stoppedBy: "budget" });
    expect(job!.why).toBe(`its budget of ${whole / 2} device seconds is spent`);
    expect(given.spent.get(job!.request.name)!.deviceSeconds).toBeGreaterThanOrEqual(whole / 2);
  });

  it("end together where they are of a user whose budget is spent, those that come later too", () => {
    const userMaxCost = { deviceSeconds: whole / 2 };
    const given = run(fleet([{ userMaxCost }, { userMaxCost }]), granularity);
    const [ann, second, ...others] = iterationsOf(given);
    expect(ann! + second!).toBeGreaterThanOrEqual(STEPS / 2);
    expect(ann! + second!).toBeLessThanOrEqual(STEPS / 2 + 6);
    expect(others).toEqual([STEPS, STEPS]);
    const whys = fleetHistory(given.journal).jobs.map(({ stoppedBy, why }) => [stoppedBy, why]);
    const why = `the budget of its user ann, ${whole / 2} device seconds, is spent`;
    expect(whys.slice(0, 2)).toEqual([
      ["budget", why],
      ["budget", why],
    ]);
  });

  it("end by money where devices have a price", () => {
    const budgets = [{ maxCost: { amount: whole / 4, currency: "USD" } }];
    const given = run(fleet(budgets, PRICE), granularity);
    const [first] = iterationsOf(given);
    expect(first).toBeGreaterThanOrEqual(STEPS / 4);
    expect(first).toBeLessThanOrEqual(STEPS / 4 + 3);
    const spent = [...given.spent.values()][0]!;
    // A device second costs 1.
    expect(spent.cost!.amount).toBeCloseTo(spent.deviceSeconds, 6);
  });

  it("end as they come where the budget is less than an iteration", () => {
    const given = run(fleet([{ maxCost: { deviceSeconds: 1e-9 } }]), granularity);
    expect(iterationsOf(given)[0]).toBeLessThanOrEqual(3);
    expect(iterationsOf(given)[0]).toBeGreaterThanOrEqual(1);
  });
});

describe("a fleet with budgets", () => {
  const whole = spentBy(run(fleet(), "actions"))[0]!;
  const userMaxCost = { deviceSeconds: whole };
  const budgets = [{ maxCost: { deviceSeconds: whole / 3 }, userMaxCost }, { userMaxCost }];

  it("is decided again by its twin, from the twin's own times", () => {
    const given = fleet(budgets);
    const executed = run(given, "actions");
    const works = given.members.map(({ work }) => work);
    const { setting, costs } = given;
    const { twin } = besideTwin({ setting, costs, works, most: 2, journal: executed.journal }, "fifo");
    expect(twin!.journal).toEqual(executed.journal);
  });

  it("goes on in the same way from the middle", () => {
    const given = fleet(budgets);
    const { resources, policyOf, timesOf } = fleetModel({ ...given, works: given.members.map(({ work }) => work) });
    const policy = policyOf("fifo");
    const times = timesOf(policy);
    const options = { times, isAhead: true, numPipelines: 1 };
    const first = new FleetRun(given.members.map(simulatedJob), new Scheduler(policy, resources), options);
    first.advance({ untilNs: 60 * SECOND });
    const cut = first.cut(60 * SECOND);
    const again = JSON.parse(JSON.stringify(cut.state)) as typeof cut.state;
    const scheduler = new Scheduler(policy, resources, again.scheduler);
    const second = new FleetRun(cut.toCome, scheduler, { ...options, from: { state: again, truths: cut.truths } });
    const straight = new FleetRun(given.members.map(simulatedJob), new Scheduler(policy, resources), options);
    const ends = (result: { readonly outcomes: readonly FleetOutcome[] }) =>
      result.outcomes.map(({ name, iterations }) => [name, iterations]);
    expect(ends(second.run())).toEqual(ends(straight.run()));
    expect(sum(iterationsOf(straight.result()))).toBeLessThan(4 * STEPS);
  });
});

describe("a budget of money", () => {
  const job = { user: "ann", maxCost: { amount: 2, currency: "EUR" } };

  it("is refused where devices have no price, or one in another currency", () => {
    expect(() => budgetsOf(job, undefined, [{}])).toThrow(/a budget in deviceSeconds at maxCost, got "2.00 EUR"/);
    expect(() => budgetsOf(job, undefined, [{ price: PRICE }], "jobs[1]")).toThrow(
      /a budget in USD, or in deviceSeconds at jobs\[1\].maxCost, got "2.00 EUR"/,
    );
    const users = { ann: { maxCost: { amount: 2, currency: "EUR" } } };
    expect(() => budgetsOf({ user: "ann" }, users, [{}])).toThrow(/users.ann.maxCost/);
    expect(budgetsOf({ user: "toString" }, users, [{}])).toEqual({});
  });
});
