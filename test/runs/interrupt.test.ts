import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
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
  signals.emit("SIGTERM");
  expect(told).toEqual(["asked", "exit 130"]);
  interrupt[Symbol.dispose]();
  expect(signals.listenerCount("SIGINT") + signals.listenerCount("SIGTERM")).toBe(0);
});
