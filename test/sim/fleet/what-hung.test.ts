import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BothWays,
  checkedPolicy,
  compareDecisions,
  createCostModel,
  type Decision,
  executedDecision,
  type FleetJob,
  type FleetView,
  fleetHistory,
  fleetSetting,
  isMade,
  type JournalLine,
  type LearnedSizes,
  measurementOf,
  POLICIES,
  type Policy,
  type PolicyFactory,
  type PolicyName,
  type PolicyTools,
  Scheduler,
  withGiven,
  withRoomForMargins,
} from "../../../plan/index.ts";
import { runFleetActions } from "../../../sim/fleet/run-actions.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { requestOf } from "../../../sim/fleet/simulate-fleet.ts";
import { besideTwin, type ExecutedFleet, fleetModel, whatHung, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";
import { type MadeFleet, madeFleet, randomFleet } from "./random-fleet.ts";

const SECOND = 1e9;

interface Job {
  readonly steps: number;
  readonly priority?: number;
  readonly arrivalSeconds?: number;
}

/** A fleet as it was executed under a policy, on pipelines of two devices. */
function executed(
  jobs: readonly Job[],
  policy: PolicyName,
  { pipelines = 1, most = 1, learned }: { pipelines?: number; most?: number; learned?: LearnedSizes } = {},
): ExecutedFleet {
  const plan = planSmall(smallCase(jobs.map(({ steps }) => ({ steps }))), {
    ...({ devices: `unit*${2 * pipelines}`, groups: "unfused", pipelines } as const),
  });
  const costs = createCostModel(plan.calibration, "float32");
  const planned = fleetSetting(plan, { jobsAtOnce: most });
  const setting = learned === undefined ? planned : withRoomForMargins(planned);
  const members = worksOfPlan(plan).map((work, number) => {
    const { priority = 0, arrivalSeconds = 0 } = jobs[number]!;
    return {
      work: { ...work, job: { ...work.job, priority } },
      arrival: { user: "", arrivalNs: arrivalSeconds * SECOND, deadlineNs: null },
    };
  });
  const works = members.map(({ work }) => work);
  const limits = { most, ...(learned === undefined ? {} : { learned }) };
  const { resources, policyOf, timesOf } = fleetModel({ setting, costs, works, ...limits });
  const own = policyOf(policy);
  const scheduler = new Scheduler(own, resources);
  const journal: JournalLine[] = [];
  runFleetActions({
    ...{ setting, costs, scheduler, sharing: timesOf(own).sharing },
    follow: (number) => measurementOf(scheduler, number, () => undefined),
    jobs: members.map((member) => ({ work: member.work, request: requestOf(member) })),
    onLine: (line) => journal.push(line),
  });
  return { setting, costs, works, ...limits, journal };
}

function endsOf(journal: readonly JournalLine[]): readonly (number | undefined)[] {
  return fleetHistory(journal).jobs.map(({ endNs }) => endNs);
}

/** What hung on the first decision in which the twin under a policy parts. */
function hungUnder(fleet: ExecutedFleet, policy: PolicyName | PolicyFactory, goesOn = false) {
  const twin = besideTwin(fleet, policy).twin!.journal;
  const { numSame, parted } = compareDecisions(fleet.journal, twin, { goesOn });
  return { twin, parted, hung: whatHung(fleet, policy, { twin, numSame }) };
}

describe("what hung on the first decision that parts", () => {
  it("is who goes first, and the policy's own order behind it", () => {
    // By priority 0, 2, 1, 3 train; first come, first served has 1 before 2. With 2 given the rest is the same.
    const jobs = [{ steps: 5, priority: 3 }, { steps: 20 }, { steps: 4, priority: 1 }, { steps: 6 }];
    const fleet = executed(jobs, "priority");
    const { twin, parted, hung } = hungUnder(fleet, "fifo");
    expect(parted!.decisions).toMatchObject([
      { kind: "start", number: 2 },
      { kind: "start", number: 1 },
    ]);
    const { own, other, ends } = hung as BothWays;
    expect(ends.map(({ ownNs }) => ownNs)).toEqual(endsOf(twin));
    expect(ends.map(({ otherNs }) => otherNs)).toEqual(endsOf(fleet.journal));
    const [, , third] = ends;
    expect(third!.otherNs).toBeLessThan(third!.ownNs);
    expect(other.meanTurnaroundNs).toBeLessThan(own.meanTurnaroundNs);
    const mean = ends.reduce((sum, { otherNs }) => sum + otherNs, 0) / 4;
    expect(other.meanTurnaroundNs).toBeCloseTo(mean, 3);
    expect(other.makespanNs).toBe(Math.max(...ends.map(({ otherNs }) => otherNs)));
  });

  it("is a job that gives way, with who came for it; the policy takes it up again", () => {
    const jobs = [{ steps: 40 }, { steps: 10, priority: 2, arrivalSeconds: 40.5 }];
    const fleet = executed(jobs, "priority");
    const { twin, parted, hung } = hungUnder(fleet, "fifo");
    expect(parted!.decisions.map((decision) => decision?.kind)).toEqual(["leave", "start"]);
    const { ends } = hung as BothWays;
    expect(ends.map(({ ownNs }) => ownNs)).toEqual(endsOf(twin));
    expect(ends.map(({ otherNs }) => otherNs)).toEqual(endsOf(fleet.journal));
    // Another one that has come first has its turn after it.
    const more = [...jobs, { steps: 5, arrivalSeconds: 60 }];
    const withMore = hungUnder(executed(more, "priority"), "fifo").hung as BothWays;
    const [long, urgent, last] = withMore.ends.map(({ otherNs }) => otherNs);
    expect(urgent).toBeLessThan(long!);
    expect(long).toBeLessThan(last!);
  });

  it("is a job that stays, where the policy would have it leave", () => {
    const jobs = [{ steps: 40 }, { steps: 10, priority: 2, arrivalSeconds: 40.5 }, { steps: 3, arrivalSeconds: 41 }];
    const fleet = executed(jobs, "fifo");
    const { twin, hung } = hungUnder(fleet, "priority");
    // In the run nobody was to leave: what it decided next is who trains when the first one has ended.
    expect(compareDecisions(fleet.journal, twin).parted!.decisions).toMatchObject([
      { kind: "start", number: 1 },
      { kind: "leave", number: 0 },
    ]);
    const { ends } = hung as BothWays;
    expect(ends).toHaveLength(3);
    expect(ends[1]!.otherNs).toBeGreaterThan(ends[1]!.ownNs);
    expect(ends[0]!.otherNs).toBeLessThan(ends[0]!.ownNs);
  });

  it("is of the pipeline that a job goes to, while the policy decides of the others at once", () => {
    const jobs = [{ steps: 12 }, { steps: 10 }, { steps: 8 }, { steps: 20 }];
    const fleet = executed(jobs, "fifo", { pipelines: 2 });
    // The same fleet where the first two changed places.
    const journal = fleet.journal.map((line) => ({
      ...line,
      decisions: line.decisions.map((decision) => {
        const { pipeline } = decision;
        return pipeline === undefined ? decision : { ...decision, pipeline: 1 - pipeline };
      }),
    }));
    const twin = besideTwin({ ...fleet, journal }, "fifo").twin!.journal;
    expect(twin).toEqual(fleet.journal);
    const hung = whatHung({ ...fleet, journal }, "fifo", { twin, numSame: 0 }) as BothWays;
    expect(hung.ends.map(({ otherNs }) => otherNs)).toEqual(hung.ends.map(({ ownNs }) => ownNs));
    expect(hung.other).toEqual(hung.own);
  });

  it("is nothing where of two jobs that were told to leave the other one leaves first", () => {
    const [long, urgent] = [{ steps: 40 }, { steps: 10, priority: 2, arrivalSeconds: 40.5 }];
    const fleet = executed([long, long, long, urgent, urgent, urgent], "priority", { most: 3 });
    const leaving = fleet.journal.find(({ decisions }) => decisions.some(({ kind }) => kind === "leave"))!;
    const [first, second] = leaving.decisions.flatMap(({ kind, number }) => (kind === "leave" ? [number] : []));
    // The same fleet where the first two that leave after they were told to have changed places.
    const journal = fleet.journal.map((line) => ({
      ...line,
      decisions: line.decisions.map((decision) => {
        const { kind, number } = decision;
        if (line === leaving || kind !== "preempt") return decision;
        return { ...decision, number: first! + second! - number };
      }),
    }));
    const { twin, parted, hung } = hungUnder({ ...fleet, journal }, "priority");
    expect(parted!.decisions).toMatchObject([
      { kind: "preempt", number: first },
      { kind: "preempt", number: second },
    ]);
    const { ends } = hung as BothWays;
    expect(ends.map(({ ownNs }) => ownNs)).toEqual(endsOf(twin));
    expect(ends.map(({ otherNs }) => otherNs)).toEqual(endsOf(twin));
  });

  it("is not told where the executed decision cannot be made in the twin", () => {
    const jobs = [{ steps: 5 }, { steps: 20 }, { steps: 4, arrivalSeconds: 10 }];
    const fleet = executed(jobs, "fifo");
    const twin = fleet.journal;
    const of = (change: (line: JournalLine) => JournalLine, numSame: number) =>
      whatHung({ ...fleet, journal: fleet.journal.map(change) }, "fifo", { twin, numSame });
    const instead = (from: number, to: object) => (line: JournalLine) => ({
      ...line,
      decisions: line.decisions.map((decision) => (decision.number === from ? { ...decision, ...to } : decision)),
    });
    const [first, , last] = twin.flatMap(({ decisions }) => decisions);
    expect(of(instead(0, { number: 2, name: last!.name }), 0)).toBe(`${last!.name} had not come to the twin yet`);
    expect(of(instead(2, { number: 0, name: first!.name }), 2)).toBe(`${first!.name} had ended in the twin by then`);
    expect(of(instead(1, { kind: "leave", number: 1 }), 1)).toMatch(/was not on pipeline 0 in the twin then/);
    expect(of(instead(1, { kind: "stop" }), 1)).toMatch(/was stopped was no decision of the policy/);
    expect(of((line) => line, 3)).toBe("the run decided nothing more");
  });
});

/** Jobs that come while others train, of which each kind of policy makes something else. */
const MIXED: readonly Job[] = [12, 30, 7, 18, 5, 25].map((steps, number) => ({
  ...{ steps, priority: number % 3, arrivalSeconds: 15 * number },
}));

describe("what hung on a decision", () => {
  it.each<[string, Parameters<typeof executed>[2]]>([
    ["one pipeline", {}],
    ["two pipelines with two jobs each", { pipelines: 2, most: 2 }],
    ["sizes that are learned", { most: 2, learned: {} }],
  ])("is told of all jobs under every policy: %s", { tags: ["slow"] }, (_, on) => {
    let told = 0;
    for (const other of ["fifo", "sjf", "packed"] as const) {
      const fleet = executed(MIXED, other, on);
      for (const policy of POLICIES) {
        const { twin, parted, hung } = hungUnder(fleet, policy);
        if (parted === undefined) continue;
        if (typeof hung === "string") expect(hung).toMatch(/^(job\d|\d) |^the (run|twin)/);
        else {
          told += 1;
          expect(hung.ends.map(({ ownNs }) => ownNs)).toEqual(endsOf(twin));
          expect(hung.ends).toHaveLength(MIXED.length);
        }
      }
    }
    expect(told).toBeGreaterThan(POLICIES.length);
  });

  it("is told of a fleet that goes on, whose jobs so far train to their end", () => {
    const fleet = executed(MIXED, "priority");
    const { journal } = fleet;
    const until = journal.findIndex(({ decisions }) => decisions.some(({ kind }) => kind === "preempt"));
    const { twin, hung } = hungUnder({ ...fleet, journal: journal.slice(0, until + 1) }, "fifo", true);
    const { ends } = hung as BothWays;
    expect(ends.map(({ ownNs }) => ownNs)).toEqual(endsOf(twin));
    expect(ends.length).toBeLessThan(MIXED.length);
    expect(ends.some(({ ownNs, otherNs }) => otherNs < ownNs)).toBe(true);
  });

  it("is told under a policy of one's own, which is asked as always", () => {
    const own: PolicyFactory = (resources) =>
      checkedPolicy(
        (_: unknown, { takeInTurn, byArrival }: PolicyTools) => ({
          ...{ name: "last", describe: "the last first", watches: "changes", initial: 0 },
          compare: (a: FleetJob, b: FleetJob) => -byArrival(a, b),
          decide: ({ waiting, placed }: FleetView, memory: number) => ({
            wishes: takeInTurn(resources, [...placed, ...waiting], { looksPast: 0, why: () => "" }),
            memory: memory + 1,
          }),
        }),
        resources,
        { file: "last.mjs", lineOf: () => undefined },
      );
    const jobs = MIXED.map(({ steps }) => ({ steps }));
    const { twin, hung } = hungUnder(executed(jobs, "fifo"), own);
    const { ends } = hung as BothWays;
    expect(ends.map(({ ownNs }) => ownNs)).toEqual(endsOf(twin));
    // The first one, and then the last first.
    const order = [...ends].sort((a, b) => a.otherNs - b.otherNs).map(({ name }) => name);
    const all = ends.map(({ name }) => name);
    expect(order).toEqual([all[0], ...all.slice(1).reverse()]);
    expect([...ends].sort((a, b) => a.ownNs - b.ownNs).map(({ name }) => name)).toEqual(all.toReversed());
  });
});

describe("an executed decision that the twin comes to by itself", () => {
  const journal = (...lines: readonly (readonly [Decision["kind"], number, number])[]): readonly JournalLine[] =>
    lines.map(([kind, number, pipeline], line) => ({
      ...{ line: line + 1, atNs: line * SECOND, events: [] },
      decisions: [{ kind, number, name: `${number}`, pipeline, why: "" }],
    }));
  const coming = (line: JournalLine, number: number): JournalLine => ({ ...line, events: [{ kind: "ended", number }] });
  const given = (executed: readonly JournalLine[], twin: readonly JournalLine[], at: number) => {
    const { linesBefore, fates } = executedDecision(executed, twin, at) as Exclude<
      ReturnType<typeof executedDecision>,
      string
    >;
    return { linesBefore, fates: [...fates] };
  };

  it("is not given where two decisions only change places", () => {
    const executed = journal(["start", 0, 0], ["start", 2, 0], ["start", 1, 1]);
    const twin = journal(["start", 0, 0], ["start", 1, 1], ["start", 2, 0]);
    expect(given(executed, twin, 1)).toEqual({ linesBefore: 1, fates: [] });
  });

  it("is given where the twin comes to it only after something else", () => {
    const executed = journal(["start", 0, 0], ["start", 2, 0], ["start", 1, 1]);
    const [first, second, third] = journal(["start", 0, 0], ["start", 1, 1], ["start", 2, 0]);
    expect(executedDecision(executed, [first!, second!, coming(third!, 0)], 1)).not.toMatchObject({ fates: new Map() });
  });

  it("leaves the twin's own decision, in place of which it is given the executed one of that job", () => {
    const elsewhere = journal(["start", 0, 0], ["start", 2, 0], ["start", 1, 0]);
    const twin = journal(["start", 0, 0], ["start", 1, 1], ["start", 2, 0]);
    expect(given(elsewhere, twin, 1)).toEqual({ linesBefore: 1, fates: [[1, { kind: "on", pipeline: 0, why: "" }]] });
    const executed = journal(["start", 0, 0], ["leave", 0, 0], ["start", 1, 1], ["preempt", 0, 0]);
    const stays = journal(["start", 0, 0], ["leave", 0, 0], ["stay", 0, 0], ["start", 1, 1]);
    expect(given(executed, stays, 2)).toMatchObject({ linesBefore: 2, fates: [[0, { kind: "off" }]] });
    const trains = journal(["start", 0, 0], ["start", 1, 1]);
    const leaves = journal(["start", 0, 0], ["leave", 0, 0], ["start", 1, 1]);
    expect(given(trains, leaves, 1)).toMatchObject({ linesBefore: 1, fates: [[0, { kind: "on", isMeanwhile: true }]] });
  });

  it("is the only one given where both let two jobs go that were told to leave, and none is called back", () => {
    const before = [
      ["start", 0, 0],
      ["start", 1, 0],
      ["leave", 0, 0],
      ["leave", 1, 0],
    ] as const;
    const twin = journal(...before, ["preempt", 1, 0], ["preempt", 0, 0]);
    const executed = journal(...before, ["preempt", 0, 0], ["preempt", 1, 0]);
    expect(given(executed, twin, 4)).toMatchObject({ linesBefore: 4, fates: [[0, { kind: "off" }]] });
    const callsBack = journal(...before, ["preempt", 0, 0], ["stay", 1, 0], ["leave", 1, 0], ["preempt", 1, 0]);
    expect(given(callsBack, twin, 4).fates).toMatchObject([
      [1, { kind: "on", isMeanwhile: true }],
      [0, { kind: "off" }],
    ]);
  });
});

function run({ simulated, resources, numPipelines, times, isAhead }: MadeFleet, policy: Policy) {
  const lines: JournalLine[] = [];
  const fleet = { numPipelines, times, isAhead, onLine: (line: JournalLine) => void lines.push(line) };
  const { outcomes } = new FleetRun(simulated, new Scheduler(policy, resources), fleet).run();
  return { lines, outcomes };
}

const policyName = fc.constantFrom(...POLICIES);

describe("a policy that is given a decision", () => {
  it("changes nothing by its own", () => {
    fc.assert(
      fc.property(randomFleet, policyName, fc.nat(), (random, name, place) => {
        const fleet = madeFleet(random);
        const { lines } = run(fleet, fleet.policy(name));
        const at = place % lines.flatMap(({ decisions }) => decisions).length;
        const given = executedDecision(lines, lines, at);
        if (typeof given === "string") {
          expect(given).toMatch(/was stopped was no decision of the policy|was not to train then/);
          return;
        }
        expect(run(fleet, withGiven(fleet.policy(name), given)).lines).toEqual(lines);
      }),
      { numRuns: 300 },
    );
  });

  it("does the same up to another policy's decision, and trains all jobs to their end behind it", () => {
    let parts = 0;
    fc.assert(
      fc.property(randomFleet, policyName, policyName, (random, name, other) => {
        const fleet = madeFleet(random);
        const [first, own] = [run(fleet, fleet.policy(other)), run(fleet, fleet.policy(name))];
        const { numSame, parted } = compareDecisions(first.lines, own.lines);
        if (parted === undefined) return;
        const given = executedDecision(first.lines, own.lines, numSame);
        if (typeof given === "string") return;
        const { lines, outcomes } = run(fleet, withGiven(fleet.policy(name), given));
        const [decision] = parted.decisions;
        if (given.fates.has(decision!.number)) expect(isMade(decision!, lines.slice(given.linesBefore))).toBe(true);
        if (given.fates.size === 0) expect(lines).toEqual(own.lines);
        parts += 1;
        expect(lines.slice(0, given.linesBefore)).toEqual(own.lines.slice(0, given.linesBefore));
        for (const { endNs, refused } of outcomes) expect(refused || endNs !== undefined).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(parts).toBeGreaterThan(20);
  });
});
