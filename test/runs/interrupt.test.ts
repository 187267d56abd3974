import { EventEmitter } from "node:events";
import { expect, test, vi } from "vitest";
import { onInterrupt } from "../../runs/interrupt.ts";

test("the first interruption asks for an end, the second ends the process, and none counts afterwards", () => {
  const signals = new EventEmitter();
  const told: string[] = [];
  const interrupt = onInterrupt(
    signals,
    () => void told.push("asked"),
    (code) => void told.push(`exit ${code}`),
  );
  expect(interrupt.isAsked()).toBe(false);
  signals.emit("SIGINT");
  expect(interrupt.isAsked()).toBe(true);
  // A scheduler's signal comes twice: from itself, and from the launcher.
  signals.emit("SIGTERM");
  expect(told).toEqual(["asked"]);
  signals.emit("SIGINT");
  expect(told).toEqual(["asked", "exit 130"]);
  interrupt[Symbol.dispose]();
  expect(signals.listenerCount("SIGINT") + signals.listenerCount("SIGTERM")).toBe(0);
});

test("a second SIGTERM ends the process once the first is a second old", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const signals = new EventEmitter();
    const told: string[] = [];
    using _interrupt = onInterrupt(
      signals,
      () => void told.push("asked"),
      (code) => void told.push(`exit ${code}`),
    );
    for (const [ms, expected] of [
      [0, ["asked"]],
      [45, ["asked"]],
      [1000, ["asked", "exit 130"]],
    ] as const) {
      vi.advanceTimersByTime(ms);
      signals.emit("SIGTERM");
      expect(told).toEqual(expected);
    }
  } finally {
    vi.useRealTimers();
  }
});
