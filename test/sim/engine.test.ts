import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nanos } from "../../core/index.ts";
import { Engine } from "../../sim/tasks/engine.ts";
import { createEventQueue } from "../../sim/tasks/event-queue.ts";

describe("the event queue", () => {
  it("gives events in the order of time, priority and scheduling, whatever order they are added in", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(2)), { maxLength: 60 }), (keys) => {
        const queue = createEventQueue<null>();
        const events = keys.map(([time, priority], sequence) => ({
          timeNs: nanos(time),
          priority,
          sequence,
          payload: null,
        }));
        for (const event of events) queue.add(event);
        const taken = events.map(() => queue.poll());
        const sorted = [...events].sort(
          (a, b) => a.timeNs - b.timeNs || a.priority - b.priority || a.sequence - b.sequence,
        );
        expect(taken).toEqual(sorted);
      }),
    );
  });
});

describe("the engine", () => {
  it("settles only after all events of an instant have been applied", () => {
    const engine = new Engine<string>();
    const log: string[] = [];
    engine.schedule(5, 1, "second");
    engine.schedule(5, 0, "first");
    engine.schedule(7, 0, "later");
    const count = engine.run(
      (payload) => log.push(payload),
      () => log.push(`settled at ${engine.nowNs}`),
    );
    expect(log).toEqual(["settled at 0", "first", "second", "settled at 5", "later", "settled at 7"]);
    expect(count).toBe(3);
  });

  it("settles again after what a settlement schedules for the same instant", () => {
    const engine = new Engine<string>();
    const log: string[] = [];
    engine.schedule(3, 0, "a");
    engine.run(
      (payload) => log.push(payload),
      () => {
        if (log.at(-1) === "a") engine.schedule(3, 0, "b");
        log.push("settled");
      },
    );
    expect(log).toEqual(["settled", "a", "settled", "b", "settled"]);
  });

  it("refuses a time in the past, a fraction and a time beyond exact whole numbers", () => {
    const engine = new Engine<null>();
    engine.schedule(10, 0, null);
    engine.run(
      () => {
        expect(() => engine.schedule(9, 0, null)).toThrow("from 10 on");
        expect(() => engine.schedule(10.5, 0, null)).toThrow("whole number");
        expect(() => engine.schedule(2 ** 53, 0, null)).toThrow("which whole nanoseconds can count");
        expect(() => engine.schedule(Number.NaN, 0, null)).toThrow("whole number");
      },
      () => undefined,
    );
  });
});
