import { expect, it } from "vitest";
import { type FleetEvent, Scheduler } from "../../../plan/index.ts";
import { fair } from "../../../plan/scheduler/policies/fair.ts";
import type { Resources } from "../../../plan/scheduler/resources.ts";

/** One pipeline with room for a job. */
const resources: Resources = {
  numPipelines: 1,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 1 ? { kind: "memory", device: "cpu:0", bytes: 1 } : undefined),
  kindOf: () => "",
  iterationNs: () => 10,
  nextBytes: () => 1,
  nextLength: () => 1,
};

function arrived(number: number): FleetEvent {
  const request = { name: `job${number}`, user: "ann", priority: 0, arrivalNs: 0, deadlineNs: null, tokens: 16.1 };
  return { kind: "arrived", number, request: { ...request, iterations: 3 }, predicted: 3 };
}

it("fair says in whole tokens what a user has had", () => {
  const scheduler = new Scheduler(fair(), resources);
  scheduler.trigger(0, [arrived(0), arrived(1)]);
  const { decisions } = scheduler.trigger(30, [
    { kind: "progress", number: 0, done: 3, between: true },
    { kind: "ended", number: 0 },
  ]);
  // 3 * 16.1 is 48.300000000000004.
  expect(decisions).toMatchObject([{ kind: "start", name: "job1", why: "ann has had 48 tokens" }]);
});

/** Trains jobs of users that come at a turn, one job and iteration a turn; how many turns each user has had after each. */
function turnsOf(comers: readonly { readonly user: string; readonly jobs: number; readonly atTurn: number }[]) {
  const scheduler = new Scheduler(fair(), resources);
  const [had, iterations] = [new Map<string, number>(), 40];
  const users: string[] = [];
  const done: number[] = [];
  let running: number | undefined;
  const turns: ReadonlyMap<string, number>[] = [];
  for (let turn = 0; turn === 0 || running !== undefined; turn += 1) {
    const events: FleetEvent[] = comers
      .filter(({ atTurn }) => atTurn === turn)
      .flatMap(({ user, jobs }) => Array.from({ length: jobs }, () => user))
      .map((user) => {
        const number = users.push(user) - 1;
        done.push(0);
        const request = { name: `job${number}`, user, priority: 0, arrivalNs: turn, deadlineNs: null, tokens: 16 };
        return { kind: "arrived", number, request: { ...request, iterations }, predicted: iterations };
      });
    if (running !== undefined) {
      done[running]! += 1;
      had.set(users[running]!, (had.get(users[running]!) ?? 0) + 1);
      events.push({ kind: "progress", number: running, done: done[running]!, between: true });
      if (done[running] === iterations) events.push({ kind: "ended", number: running });
    }
    if (done[running ?? -1] === iterations) running = undefined;
    for (const { kind, number } of scheduler.trigger(turn, events).decisions) {
      if (kind === "start" || kind === "resume") running = number;
      else if ((kind === "preempt" || kind === "leave") && running === number) running = undefined;
    }
    turns.push(new Map(had));
  }
  return turns;
}

/** Turns that a user gives way by. */
const QUANTUM = 2 * 16;

it("fair gives three users with 280, 10 and 10 of 300 jobs the same until the small ones are through", () => {
  const turns = turnsOf([
    { user: "hog", jobs: 280, atTurn: 0 },
    { user: "ann", jobs: 10, atTurn: 0 },
    { user: "ben", jobs: 10, atTurn: 0 },
  ]);
  const through = turns.find((had) => had.get("ann") === 400 && had.get("ben") === 400)!;
  expect(Math.abs(through.get("hog")! - 400)).toBeLessThan(QUANTUM);
  expect(turns.at(-1)!.get("hog")).toBe(280 * 40);
});

it("fair lets nobody wait who has trained long for one who comes late, or comes again", () => {
  const turns = turnsOf([
    { user: "veteran", jobs: 200, atTurn: 0 },
    { user: "guest", jobs: 5, atTurn: 1000 },
    { user: "late", jobs: 50, atTurn: 2000 },
    { user: "guest", jobs: 50, atTurn: 4000 },
  ]);
  const between = (user: string, from: number, to: number): number =>
    (turns[to]!.get(user) ?? 0) - (turns[from]!.get(user) ?? 0);
  for (const user of ["veteran", "late"]) expect(Math.abs(between(user, 2100, 3100) - 500)).toBeLessThan(QUANTUM);
  for (const user of ["veteran", "guest"]) expect(between(user, 4100, 5000)).toBeGreaterThan(300 - QUANTUM);
});
