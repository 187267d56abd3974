import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CheckpointClock } from "../../runs/checkpoints/checkpoint-rhythm.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("a checkpoint is due so many minutes after the last one began, and never where there are none", () => {
  const [clock, never] = [new CheckpointClock({ minutes: 10 }), new CheckpointClock({ minutes: 0 })];
  vi.advanceTimersByTime(599_999);
  expect(clock.isDue).toBe(false);
  vi.advanceTimersByTime(1);
  expect([clock.isDue, never.isDue]).toEqual([true, false]);
  clock.begin();
  expect(clock.isDue).toBe(false);
});
