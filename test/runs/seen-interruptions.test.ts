import { describe, expect, it } from "vitest";
import type { JournalEvent, JournalLine } from "../../runs/folder/journal.ts";
import { interruptionCosts } from "../../runs/live/seen-interruptions.ts";

const SECOND = 1e9;
const START = Date.parse("2026-12-01T00:00:00.000Z");
const at = (seconds: number, event: JournalEvent): JournalLine => ({
  ...event,
  time: new Date(START + 1000 * seconds).toISOString(),
});
const decided = (atNs: number) => ({ line: 1, atNs, events: [], decisions: [] });
const ready = (seconds: number, clock: number) => at(seconds, { event: "ready", atNs: clock * SECOND });
const checkpoint = (seconds: number, clock: number) =>
  at(seconds, { event: "checkpoint", name: "step-1", seconds: 0.1, atNs: clock * SECOND });

describe("what interruptions of a fleet have cost, by its journal", () => {
  it("is the time until it was ready again, and what came behind the last checkpoint", () => {
    // Killed at 100 s of its clock, 10 s behind its checkpoint; ready again 30 s later.
    const killed = [ready(0, 0), checkpoint(90, 90), ready(130, 100)];
    expect(interruptionCosts({ events: killed, lines: [decided(100 * SECOND)] }, START + 140_000)).toEqual([
      40 * SECOND,
      10 * SECOND,
    ]);
  });

  it("is only the time where a notice left time for a checkpoint", () => {
    const noticed = [
      ...[ready(0, 0), at(50, { event: "notice", why: "spot" }), checkpoint(52, 52)],
      at(53, { event: "ended early" }),
    ];
    const costs = interruptionCosts({ events: noticed, lines: [decided(52 * SECOND)] }, START + 113_000);
    expect(costs).toEqual([60 * SECOND]);
  });

  it("is nothing where a person has ended it, or it has not begun", () => {
    const asked = [ready(0, 0), at(5, { event: "asked to end" }), checkpoint(6, 6), at(6, { event: "ended early" })];
    expect(interruptionCosts({ events: asked, lines: [decided(6 * SECOND)] }, START + 1e6)).toEqual([]);
    expect(interruptionCosts({ events: [], lines: [] }, START)).toEqual([]);
  });
});
