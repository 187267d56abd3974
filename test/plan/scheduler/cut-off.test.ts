import { describe, expect, it } from "vitest";
import {
  cutOff,
  type FleetEvent,
  FleetOutcomes,
  fleetHistory,
  fleetStory,
  type JobRequest,
  type JournalLine,
  jobStory,
  type Resources,
  Scheduler,
  wasCutOff,
} from "../../../plan/index.ts";
import { fair } from "../../../plan/scheduler/policies/fair.ts";

const POLICY = fair();

/** A pipeline for two jobs. */
const RESOURCES: Resources = {
  numPipelines: 1,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 2 ? { kind: "jobs", most: 2 } : undefined),
  kindOf: () => "one",
  iterationNs: () => 10,
  nextBytes: () => 1,
  nextLength: () => 1,
};

function requestOf(number: number): JobRequest {
  const user = number < 2 ? "ann" : "bob";
  return { name: `job${number}`, user, priority: 0, arrivalNs: 0, deadlineNs: null, tokens: 4, iterations: 9 };
}

const arrived = (number: number): FleetEvent => ({
  kind: "arrived",
  number,
  request: requestOf(number),
  predicted: 9,
});

const progress = (number: number, done: number): FleetEvent => ({ kind: "progress", number, done, between: true });

/** Two of ann's jobs train, one of bob's comes; one of ann's is paused, another one is cancelled. */
const EVENTS: readonly (readonly FleetEvent[])[] = [
  [arrived(0), arrived(1)],
  [progress(0, 3), progress(1, 2), arrived(2), arrived(3)],
  [progress(0, 5), { kind: "pause", number: 1 }, { kind: "priority", number: 2, priority: 4 }],
  [progress(1, 4), { kind: "predicted", number: 0, predicted: 7 }],
  [{ kind: "stop", number: 3, by: "user", why: "cancelled" }],
];

function journal(): { readonly lines: readonly JournalLine[]; readonly scheduler: Scheduler } {
  const scheduler = new Scheduler(POLICY, RESOURCES);
  return { scheduler, lines: EVENTS.map((events, line) => scheduler.trigger(10 * line, events)) };
}

const after = (lines: readonly JournalLine[]): Scheduler => {
  const known = { ...cutOff(lines, RESOURCES).state, policy: POLICY.name, memory: POLICY.initial };
  return new Scheduler(POLICY, RESOURCES, known);
};

describe("what a journal tells of a fleet that was cut off", () => {
  const { lines, scheduler } = journal();
  const { jobs, state } = cutOff(lines, RESOURCES);

  it("is who was there, held by whom, with priorities and predictions as they were last", () => {
    expect(jobs.map(({ number, isOver, hasBegun }) => [number, isOver, hasBegun])).toEqual([
      [0, false, true],
      [1, false, true],
      [2, false, true],
      [3, true, expect.any(Boolean)],
    ]);
    expect(jobs[1]!.hold).toEqual({ kind: "pause", number: 1 });
    expect(jobs[2]!.request.priority).toBe(4);
    expect(jobs[0]!.predicted).toBe(7);
    expect(wasCutOff(lines)).toBe(false);
  });

  it("holds nobody who has ended by itself before somebody's wish was carried out", () => {
    const late = new Scheduler(POLICY, RESOURCES);
    const told = [[arrived(0)], [{ kind: "stop", number: 0, by: "user", why: "too late" } as const]].map((events, at) =>
      late.trigger(at, events),
    );
    const ended = late.trigger(2, [progress(0, 9), { kind: "ended", number: 0 }]);
    expect(cutOff(told, RESOURCES).jobs[0]).toMatchObject({ isOver: false, hold: { kind: "stop" } });
    expect(cutOff([...told, ended], RESOURCES).jobs[0]).toMatchObject({ isOver: true, hold: undefined });
  });

  it("is what users were served, and how many events and lines there were", () => {
    const known = scheduler.state();
    const { served, changes, line, nowNs } = state;
    expect({ served, changes, line, nowNs }).toEqual({
      served: known.served,
      changes: known.changes,
      line: known.line,
      nowNs: known.nowNs,
    });
  });

  it("lets a new scheduler decide what the old one would if it was told the same", () => {
    const restored = jobs.flatMap(({ number, request, predicted, isOver }): FleetEvent[] =>
      isOver ? [] : [{ kind: "restored", number, request, predicted, done: number === 0 ? 4 : 0 }],
    );
    const [again, goesOn] = [after(lines), scheduler];
    const next: readonly (readonly FleetEvent[])[] = [
      [...restored, { kind: "pause", number: 1 }],
      [progress(0, 5), arrived(4)],
      [progress(0, 6), { kind: "unpause", number: 1 }],
      [progress(2, 1), progress(0, 9), { kind: "ended", number: 0 }],
    ];
    const more = next.map((events, at) => {
      const line = again.trigger(100 + 10 * at, events);
      expect(goesOn.trigger(100 + 10 * at, events)).toEqual(line);
      return line;
    });
    expect(more[0]!.decisions.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["start job2", "resume job0"]);
    expect(wasCutOff([...lines, ...more])).toBe(true);

    // Whoever tells of it afterwards tells of the same jobs.
    const outcomes = new FleetOutcomes();
    for (const line of [...lines, ...more]) outcomes.add(line);
    expect(outcomes.all()[0]).toMatchObject({ name: "job0", iterations: 9, endNs: 130 });
    const history = fleetHistory([...lines, ...more]);
    expect(history.jobs[0]).toMatchObject({ outcome: "ended", cutOffNs: [100] });
    const told = jobStory(history, history.jobs[0]!).join(" ");
    expect(told).toMatch(/the fleet was cut off, and it went on from 4 iterations/);
    expect(fleetStory(history)[1]).toEqual({ heading: "It was cut off and gone on with at 0.1 us.", lines: [] });
  });
});
