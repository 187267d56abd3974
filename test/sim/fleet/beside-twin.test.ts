import { describe, expect, it } from "vitest";
import {
  compareDecisions,
  createCostModel,
  fleetHistory,
  fleetSetting,
  type JournalLine,
  Scheduler,
} from "../../../plan/index.ts";
import { type FleetRequest, runFleetActions } from "../../../sim/fleet/run-actions.ts";
import { requestOf } from "../../../sim/fleet/simulate-fleet.ts";
import { besideTwin, type ExecutedFleet, fleetModel, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";

const SECOND = 1e9;
const STEPS = 30;

/** Four jobs on one pipeline, one at a time; who is told of what at which time is in the units of the devices. */
function fleet() {
  const plan = planSmall(smallCase([{ steps: STEPS }, { steps: STEPS, rank: 2 }, { steps: 10 }, { steps: STEPS }]), {
    devices: "unit*2",
    groups: "unfused",
  });
  const [setting, costs] = [fleetSetting(plan, { jobsAtOnce: 1 }), createCostModel(plan.calibration, "float32")];
  const members = worksOfPlan(plan).map((work, number) => ({
    work: { ...work, job: { ...work.job, priority: number === 2 ? 5 : 0 } },
    arrival: { user: "", arrivalNs: 40 * number * SECOND, deadlineNs: null },
  }));
  return { setting, costs, members };
}

const ASKED: readonly FleetRequest[] = [
  { atNs: 60.5 * SECOND, event: { askedNs: 60.5 * SECOND, kind: "pause", number: 1 } },
  { atNs: 150.25 * SECOND, event: { askedNs: 150.25 * SECOND, kind: "unpause", number: 1 } },
  { atNs: 200.75 * SECOND, event: { askedNs: 200.75 * SECOND, kind: "priority", number: 3, priority: 7 } },
  { atNs: 260.5 * SECOND, event: { askedNs: 260.5 * SECOND, kind: "stop", number: 3, by: "user", why: "cancelled" } },
];

/** The journal of the fleet where its first job's losses stop it after 12 iterations. */
function executed(stopsAfter = 12): ExecutedFleet {
  const { setting, costs, members } = fleet();
  const works = members.map(({ work }) => work);
  const { resources, policyOf } = fleetModel({ setting, costs, works, most: 1 });
  const lines: JournalLine[] = [];
  runFleetActions({
    ...{ setting, costs, scheduler: new Scheduler(policyOf("priority"), resources), requests: ASKED },
    jobs: members.map((member) => ({ work: member.work, request: requestOf(member) })),
    follow: (number, done) =>
      number === 0 && done === stopsAfter ? [{ kind: "stop", number, by: "early-stopping", why: "no better" }] : [],
    onLine: (line) => lines.push(line),
  });
  return { setting, costs, works, most: 1, journal: lines };
}

describe("a fleet beside its twin", () => {
  const given = executed();

  it("is the fleet itself where times are as predicted: what was asked, and what losses said, comes again", () => {
    const kinds = new Set(given.journal.flatMap(({ events }) => events.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(["arrived", "ended", "pause", "priority", "progress", "stop", "unpause"]);
    const { twin, executed: metrics } = besideTwin(given, "priority");
    expect(twin!.journal).toEqual(given.journal);
    expect(twin!.metrics).toEqual(metrics);
    expect(metrics.preemptions).toBeGreaterThan(0);
    expect(metrics.bounds!.makespan.ratio).toBeGreaterThanOrEqual(1);
  });

  it("parts from it under another policy, and says where", () => {
    const { twin } = besideTwin(given, "fifo");
    expect(twin!.policy).toBe("fifo");
    const compared = compareDecisions(given.journal, twin!.journal);
    expect(compared.numSame).toBeGreaterThan(0);
    expect(compared.parted).toBeDefined();
    expect(compared.otherwise.length).toBeGreaterThan(0);
  });

  it("goes on to the end where the fleet was cut, and leaves whom somebody paused for good", () => {
    const cut = given.journal.findIndex(({ events }) => events.some(({ kind }) => kind === "pause")) + 1;
    const lines = given.journal.slice(0, cut);
    const arrived = lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "arrived")).length;
    const { twin } = besideTwin({ ...given, journal: lines }, "priority");
    const { jobs } = fleetHistory(twin!.journal);
    expect(jobs).toHaveLength(arrived);
    const open = jobs.filter(({ endNs }) => endNs === undefined).map(({ number }) => number);
    expect(open).toEqual([1]);
    const compared = compareDecisions(lines, twin!.journal, { goesOn: true });
    expect(compared).toMatchObject({ parted: undefined, otherwise: [] });
  });
});

describe("decisions of two fleets", () => {
  const line = (atNs: number, ...decisions: JournalLine["decisions"]): JournalLine => ({
    ...{ line: atNs, atNs, events: [], decisions },
  });
  const start = (number: number, why = "", pipeline = 0) =>
    ({ kind: "start", number, name: `job${number}`, pipeline, why }) as const;

  it("are the same whatever their times and reasons, and part where order, job or pipeline is another", () => {
    const own = [line(1, start(0, "a")), line(5, start(1), start(2))];
    expect(compareDecisions(own, [line(2, start(0, "b"), start(1)), line(9, start(2))])).toEqual({
      ...{ counts: [3, 3], numSame: 3, parted: undefined, otherwise: [] },
    });
    expect(compareDecisions(own, [line(2, start(0), start(2), start(1))])).toMatchObject({
      ...{ numSame: 1, otherwise: [] },
      parted: {
        decisions: [
          { number: 1, atNs: 5 },
          { number: 2, atNs: 2 },
        ],
        laterNs: [0, 0],
      },
    });
    const apart = [line(1, start(0)), line(5, start(1)), line(7, start(2))];
    expect(compareDecisions(apart, [line(2, start(0), start(2)), line(9, start(1))]).parted!.laterNs).toEqual([2, 7]);
    expect(compareDecisions(own, [line(2, start(0), start(1, "", 1), start(2))])).toMatchObject({
      ...{ numSame: 1, otherwise: ["job1"] },
      parted: { laterNs: [undefined, undefined] },
    });
    const more = [...own, line(10, start(3))];
    expect(compareDecisions(own, more)).toMatchObject({
      ...{ numSame: 3, parted: { decisions: [undefined, { number: 3 }] } },
    });
    expect(compareDecisions(own, more, { goesOn: true })).toMatchObject({ numSame: 3, parted: undefined });
  });
});
