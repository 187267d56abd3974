import { describe, expect, it } from "vitest";
import { createRng, maximum } from "../../../core/index.ts";
import { adapterBytesOn } from "../../../plan/growth/adapter-shares.ts";
import {
  createCostModel,
  type FleetEvent,
  fleetSetting,
  type JournalLine,
  measurementOf,
  Scheduler,
  type Setting,
  UNFUSED_PROJECTIONS,
  withRoomForMargins,
} from "../../../plan/index.ts";
import type { FleetState, SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import { runFleetActions } from "../../../sim/fleet/run-actions.ts";
import { FleetRun, type FleetStart } from "../../../sim/fleet/run-fleet.ts";
import { inOrderOfArrival, requestOf, simulatedJob } from "../../../sim/fleet/simulate-fleet.ts";
import { besideTwin, type FleetMember, fleetModel, simulateFleet, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";

const SECOND = 1e9;
const JOBS = 24;

/** Jobs that are there from the start, on one pipeline or two that are divided alike. */
function fleet(pipelines: number) {
  const rng = createRng(`learned ${pipelines}`);
  const jobs = Array.from({ length: JOBS }, (): SmallJob => {
    const targets = rng.nextInt(2) === 0 ? (["q_proj", "v_proj"] as const) : UNFUSED_PROJECTIONS;
    return { rank: 1 + rng.nextInt(16), targets: [...targets], steps: 3 + rng.nextInt(8), length: 8 };
  });
  const plan = planSmall(smallCase(jobs), { devices: `unit*${2 * pipelines}`, groups: "unfused", pipelines });
  const setting = withRoomForMargins(fleetSetting(plan, { jobsAtOnce: 2 }));
  const members = worksOfPlan(plan).map(
    (work, number): FleetMember => ({
      work: { ...work, job: { ...work.job, priority: number % 3 } },
      arrival: { user: "", arrivalNs: Math.floor(number / 4) * 40 * SECOND, deadlineNs: null },
    }),
  );
  return { setting, costs: createCostModel(plan.calibration, "float32"), members, most: 2, learned: {} };
}

function bytesOf(setting: Setting, { work }: FleetMember): readonly number[] {
  return [0, 1].map((stage) => adapterBytesOn(setting, stage, work.job));
}

function measuredIn(lines: readonly JournalLine[]): readonly FleetEvent[] {
  return lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "measured"));
}

describe.each([1, 2])("jobs whose sizes are learned, on %i pipelines", (pipelines) => {
  const given = fleet(pipelines);
  const inOrder = inOrderOfArrival(given.members);

  it.each(["iterations", "actions"] as const)(
    "are seen to take what is planned, each alone until the fit is settled: %s",
    (granularity) => {
      const { journal, outcomes, metrics } = simulateFleet({ ...given, policy: "mlora", granularity });
      expect(outcomes.every(({ endNs }) => endNs !== undefined)).toBe(true);
      const on = new Map<number, number>();
      let [points, together] = [0, 0];
      for (const { events, decisions } of journal) {
        for (const event of events) {
          if (event.kind === "ended") on.delete(event.number);
          if (event.kind !== "measured") continue;
          points += 1;
          expect(event.bytes).toEqual(bytesOf(given.setting, inOrder[event.number]!));
        }
        for (const { kind, number, pipeline } of decisions) {
          if (kind === "preempt") on.delete(number);
          if (kind !== "start" && kind !== "resume") continue;
          const beside = [...on.values()].filter((other) => other === pipeline).length;
          // It may be known from before.
          if (points < 15 && kind === "start") expect(beside).toBe(0);
          together += beside;
          on.set(number, pipeline!);
        }
      }
      expect(points).toBeGreaterThanOrEqual(JOBS);
      expect(together).toBeGreaterThan(0);
      const { learned: _learned, ...asPlanned } = given;
      const planned = simulateFleet({ ...asPlanned, policy: "mlora", granularity });
      expect(measuredIn(planned.journal)).toEqual([]);
      expect(metrics.turnaroundSeconds.mean).toBeGreaterThan(planned.metrics.turnaroundSeconds.mean);
    },
  );

  it("leave room for two of the largest at once, once they are known", () => {
    const { setting, members } = given;
    const { resources } = fleetModel({ ...given, works: members.map(({ work }) => work) });
    const largest = maximum(members.map((member) => bytesOf(setting, member)[0]!));
    const alike = members.findIndex((member) => bytesOf(setting, member)[0] === largest);
    const job = { ...requestOf(members[alike]!), number: alike, standing: "waiting", done: 0, predicted: 9 } as const;
    const unknown = { ...job, pipeline: undefined, hold: undefined };
    expect(resources.shortfall(0, [unknown, unknown])).toMatchObject({ kind: "memory" });
    const known = members.reduce(
      (before, member, number) => before.learning!.learn({ ...unknown, number, pipeline: 0 }, bytesOf(setting, member)),
      resources,
    );
    expect(known.shortfall(0, [unknown, unknown])).toBeUndefined();
    expect(known.learning!.expected(0, unknown)).toEqual(bytesOf(setting, members[alike]!));
    // Of a device that has no part of its adapter nothing is learned.
    const { fits } = resources.learning!.learn({ ...unknown, pipeline: 0 }, [0, 7]).learning!;
    expect(Object.values(fits).map(({ points }) => points)).toEqual([1]);
  });

  it("are known in a state that was written to a file: a fleet that is cut at any time goes on the same", () => {
    const model = fleetModel({ ...given, works: inOrder.map(({ work }) => work) });
    const policy = model.policyOf("mlora");
    // Some take more than what they start with says, which the fit learns.
    const simulated = inOrder.map((member, number) =>
      simulatedJob(
        number % 3 > 0 ? member : { ...member, takes: bytesOf(given.setting, member).map((each) => 2 * each) },
      ),
    );
    const runOf = (jobs: readonly SimulatedJob[], lines: JournalLine[], from?: FleetStart) =>
      new FleetRun(jobs, new Scheduler(policy, model.resources, from?.state.scheduler), {
        ...{ numPipelines: pipelines, times: model.timesOf(policy), isAhead: true, from },
        onLine: (line) => void lines.push(line),
      });
    const whole: JournalLine[] = [];
    runOf(simulated, whole).run();
    expect(measuredIn(whole).length).toBeGreaterThanOrEqual(JOBS);
    for (let triggers = 1; triggers < whole.length; triggers += 5) {
      const cut = runOf(simulated, []);
      cut.advance({ triggers });
      const { state, truths, toCome } = cut.cut();
      const rest: JournalLine[] = [];
      runOf(toCome, rest, { state: JSON.parse(JSON.stringify(state)) as FleetState, truths }).run();
      expect(rest).toEqual(whole.slice(triggers));
    }
  });

  it("are those of the journal in a twin, which decides the same where times are as predicted", () => {
    const { setting, costs, most, learned } = given;
    const works = inOrder.map(({ work }) => work);
    const { resources, policyOf } = fleetModel({ ...given, works });
    const scheduler = new Scheduler(policyOf("mlora"), resources);
    const journal: JournalLine[] = [];
    runFleetActions({
      ...{ setting, costs, scheduler },
      jobs: inOrder.map((member) => ({ work: member.work, request: requestOf(member) })),
      // Not what is planned, which is all that a twin knows of those that were not measured.
      follow: (number) =>
        measurementOf(scheduler, number, () => bytesOf(setting, inOrder[number]!).map((each) => each - 8)),
      onLine: (line) => void journal.push(line),
    });
    const fleetOf = { ...{ setting, costs, works, most, learned }, journal };
    expect(besideTwin(fleetOf, "mlora").twin!.journal).toEqual(journal);
    const other = besideTwin(fleetOf, "sjf").twin!.journal;
    expect(other.at(-1)!.decisions).toEqual([]);
    expect(measuredIn(other).length).toBeGreaterThanOrEqual(JOBS);
  });
});
