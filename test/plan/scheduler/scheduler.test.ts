import { describe, expect, it } from "vitest";
import { type Decision, type FleetEvent, Scheduler } from "../../../plan/index.ts";
import { mlora, priority } from "../../../plan/scheduler/policies/priority.ts";
import type { Policy } from "../../../plan/scheduler/policy.ts";
import type { Resources } from "../../../plan/scheduler/resources.ts";

const BYTES: Readonly<Record<number, number>> = { 0: 60, 1: 60, 2: 30 };

/** One pipeline with room for 100 bytes. */
const resources: Resources = {
  numPipelines: 1,
  isSteady: true,
  shortfall(_, jobs) {
    const bytes = jobs.reduce((sum, { number }) => sum + BYTES[number]!, 0) - 100;
    return bytes > 0 ? { kind: "memory", device: "cpu:0", bytes } : undefined;
  },
  kindOf: ({ number }) => `${BYTES[number]}`,
  iterationNs: () => 10,
  nextBytes: ({ number }) => BYTES[number]!,
  nextLength: () => 1,
};

function arrived(number: number, own: { readonly priority?: number } = {}): FleetEvent {
  const request = { name: `job${number}`, user: "", priority: 0, arrivalNs: 0, deadlineNs: null, tokens: 1 };
  return { kind: "arrived", number, request: { ...request, ...own, iterations: 5 }, predicted: 5 };
}

const between = (number: number, done: number): FleetEvent => ({ kind: "progress", number, done, between: true });

const said = (decisions: readonly Decision[]): readonly string[] =>
  decisions.map(({ kind, name }) => `${kind} ${name}`);

function schedulerOf(policy: Policy) {
  const scheduler = new Scheduler(policy, resources);
  return (atNs: number, ...events: readonly FleetEvent[]) => said(scheduler.trigger(atNs, events).decisions);
}

describe("a scheduler", () => {
  it("goes past what does not fit under mlora, and waits for it under priority", () => {
    const events = [arrived(0), arrived(1), arrived(2)];
    expect(schedulerOf(mlora)(0, ...events)).toEqual(["start job0", "start job2"]);
    expect(schedulerOf(priority)(0, ...events)).toEqual(["start job0"]);
  });

  it("lets a job that gives way end its iteration, and holds its room until then", () => {
    const trigger = schedulerOf(priority);
    expect(trigger(0, arrived(0))).toEqual(["start job0"]);
    // It is in the middle of an iteration.
    expect(trigger(5, arrived(1, { priority: 3 }))).toEqual(["leave job0"]);
    expect(trigger(10, between(0, 1))).toEqual(["preempt job0", "start job1"]);
    expect(trigger(60, between(1, 5), { kind: "ended", number: 1 })).toEqual(["resume job0"]);
  });

  it("keeps a job that was to leave, where its priority has changed or the other one is cancelled", () => {
    for (const event of [
      { kind: "priority", number: 0, priority: 7 },
      { kind: "stop", number: 1, by: "user", why: "cancelled" },
    ] as const) {
      const trigger = schedulerOf(priority);
      trigger(0, arrived(0));
      expect(trigger(5, arrived(1, { priority: 3 }))).toEqual(["leave job0"]);
      const stopped = event.kind === "stop" ? ["stop job1"] : [];
      expect(trigger(7, event)).toEqual([...stopped, "stay job0"]);
    }
  });

  it("ends a job that is to stop when its iteration has ended, and gives its room to others then", () => {
    const trigger = schedulerOf(priority);
    expect(trigger(0, arrived(0), arrived(1))).toEqual(["start job0"]);
    const stop = { kind: "stop", number: 0, by: "user", why: "cancelled" } as const;
    expect(trigger(3, stop)).toEqual(["leave job0"]);
    expect(trigger(4, stop, { kind: "unpause", number: 0 })).toEqual([]);
    expect(trigger(10, between(0, 1))).toEqual(["stop job0", "start job1"]);
    expect(() => trigger(11, stop)).toThrow(/Expected a job that has not ended, got 0/);
  });

  it("trains no job that is paused until it is let go on, and others in its place", () => {
    const trigger = schedulerOf(priority);
    expect(trigger(0, arrived(0), arrived(1), { kind: "pause", number: 1 })).toEqual(["start job0"]);
    expect(trigger(3, { kind: "pause", number: 0 })).toEqual(["leave job0"]);
    expect(trigger(5, { kind: "unpause", number: 0 })).toEqual(["stay job0"]);
    expect(trigger(6, { kind: "pause", number: 0 })).toEqual(["leave job0"]);
    expect(trigger(10, between(0, 1))).toEqual(["preempt job0"]);
    expect(trigger(12, { kind: "unpause", number: 1 })).toEqual(["start job1"]);
    expect(trigger(13, { kind: "unpause", number: 0 })).toEqual(["leave job1"]);
    expect(trigger(20, between(1, 5), { kind: "ended", number: 1 })).toEqual(["resume job0"]);
  });

  it("takes no job that is not there, and no time that goes back", () => {
    const scheduler = new Scheduler(priority, resources);
    scheduler.trigger(5, [arrived(0)]);
    expect(() => scheduler.trigger(4, [])).toThrow(/Expected a time from 5 on/);
    expect(() => scheduler.trigger(6, [between(3, 1)])).toThrow(/Expected a job that has not ended, got 3/);
  });
});
