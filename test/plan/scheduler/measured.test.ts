import { describe, expect, it } from "vitest";
import { type FleetEvent, type FleetJob, type Resources, Scheduler } from "../../../plan/index.ts";
import { mlora } from "../../../plan/scheduler/policies/priority.ts";

/** Bytes by what jobs were thought to take, and by what is known of all of them since. */
function machines(guess: number, numPipelines = 1, known: Readonly<Record<number, number>> = {}): Resources {
  const bytesOf = ({ number, reserved }: FleetJob): number => reserved?.[0] ?? known[number] ?? guess;
  return {
    numPipelines,
    isSteady: true,
    shortfall(pipeline, jobs) {
      const bytes = jobs.reduce((sum, job) => sum + bytesOf(job), 0) - 100;
      return bytes > 0 ? { kind: "memory", device: `cpu:${pipeline}`, bytes } : undefined;
    },
    kindOf: (job) => `${bytesOf(job)}`,
    iterationNs: () => 10,
    nextBytes: bytesOf,
    nextLength: () => 1,
    learning: {
      fits: {},
      withFits: () => machines(guess, numPipelines, known),
      reserve: (_, job) => [bytesOf(job)],
      learn: ({ number }, [bytes]) => machines(guess, numPipelines, { ...known, [number]: bytes! }),
      expected: (_, job) => [bytesOf(job)],
    },
  };
}

function arrived(number: number, priority = 0): FleetEvent {
  const request = {
    name: `job${number}`,
    user: "",
    priority,
    arrivalNs: 0,
    deadlineNs: null,
    tokens: 1,
    iterations: 9,
  };
  return { kind: "arrived", number, request, predicted: 9 };
}

const iteration = (number: number, done: number, between = true): FleetEvent => ({
  kind: "progress",
  number,
  done,
  between,
});

const measured = (number: number, bytes: number): FleetEvent => ({ kind: "measured", number, bytes: [bytes] });

function triggered(guess: number) {
  const scheduler = new Scheduler(mlora, machines(guess));
  return (atNs: number, ...events: readonly FleetEvent[]) =>
    scheduler.trigger(atNs, events).decisions.map(({ kind, name }) => `${kind} ${name}`);
}

describe("a job that is seen to take more than was kept for it", () => {
  it("is preempted, whatever its priority, and none beside it", () => {
    const trigger = triggered(30);
    expect(trigger(0, arrived(0, 5), arrived(1), arrived(2))).toEqual(["start job0", "start job1", "start job2"]);
    expect(trigger(10, iteration(0, 1), measured(0, 50), iteration(1, 1))).toEqual(["preempt job0"]);
    // It is as any other from then on: the most urgent one, with its real size.
    expect(trigger(20, iteration(2, 1))).toEqual(["preempt job2", "resume job0"]);
  });

  it("trains its iteration to the end where the next one has begun, and those beside it lose nothing for that", () => {
    const trigger = triggered(30);
    trigger(0, arrived(0, 5), arrived(1), arrived(2));
    expect(trigger(10, iteration(0, 1, false), measured(0, 50), iteration(1, 1))).toEqual(["leave job0"]);
    expect(trigger(15, iteration(1, 2))).toEqual([]);
    expect(trigger(20, iteration(0, 2))).toEqual(["preempt job0"]);
  });

  it("stays where there is room, and where there is again before it has left", () => {
    const trigger = triggered(30);
    trigger(0, arrived(0), arrived(1), arrived(2));
    expect(trigger(10, iteration(0, 1), measured(0, 40))).toEqual([]);
    expect(trigger(20, iteration(1, 1, false), measured(1, 40))).toEqual(["leave job1"]);
    expect(trigger(30, { kind: "ended", number: 2 })).toEqual(["stay job1"]);
  });

  it("goes alone, of several the one that grew the most", () => {
    const trigger = triggered(30);
    trigger(0, arrived(0), arrived(1), arrived(2));
    const events = [
      iteration(0, 1),
      measured(0, 60),
      iteration(1, 1),
      measured(1, 35),
      iteration(2, 1),
      measured(2, 30),
    ];
    expect(trigger(10, ...events)).toEqual(["preempt job0"]);
  });

  it("is refused where it is too large even alone", () => {
    const scheduler = new Scheduler(mlora, machines(30, 2));
    scheduler.trigger(0, [arrived(0), arrived(1)]);
    const { decisions } = scheduler.trigger(10, [iteration(0, 1), measured(0, 130)]);
    expect(decisions).toEqual([
      expect.objectContaining({
        kind: "preempt",
        number: 0,
        why: "takes 100 B more than was kept for it: memory short by 30 B on cpu:0",
      }),
      expect.objectContaining({
        kind: "refuse",
        number: 0,
        why: "too large even alone: memory short by 30 B on cpu:0",
      }),
    ]);
  });
});

describe("a job that waits", () => {
  it("is refused where others have shown that no pipeline has room for it, and none that begins meanwhile", () => {
    const bytes = [60, 130, 30];
    // All that is known, once one was measured.
    const shown: Resources = {
      ...machines(0, 1, bytes),
      learning: { ...machines(0).learning!, learn: () => shown },
    };
    const before: Resources = { ...machines(100), learning: { ...machines(100).learning!, learn: () => shown } };
    const scheduler = new Scheduler(mlora, before);
    scheduler.trigger(0, [arrived(0), arrived(1), arrived(2)]);
    const { decisions } = scheduler.trigger(10, [iteration(0, 1, false), measured(0, 60)]);
    expect(decisions).toEqual([
      expect.objectContaining({
        kind: "refuse",
        number: 1,
        why: "too large even alone: memory short by 30 B on cpu:0",
      }),
      expect.objectContaining({ kind: "start", number: 2 }),
    ]);
  });
});

describe("a job that is seen to take less", () => {
  it("makes room for one that waits, at once", () => {
    const trigger = triggered(60);
    expect(trigger(0, arrived(0), arrived(1))).toEqual(["start job0"]);
    expect(trigger(10, iteration(0, 1), measured(0, 40))).toEqual(["start job1"]);
  });
});

it("only a job that trains is measured", () => {
  const scheduler = new Scheduler(mlora, machines(60));
  scheduler.trigger(0, [arrived(0), arrived(1)]);
  expect(() => scheduler.trigger(10, [measured(1, 40)])).toThrow(/Expected a job that trains, got 1/);
});
