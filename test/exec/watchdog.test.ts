import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DeviceError } from "../../core/index.ts";
import type { LoweredAction } from "../../exec/lowering.ts";
import { standstill, type WatchedStage, watch } from "../../exec/watchdog.ts";

/** An action as the watchdog looks at it: its event, what it waits for, and the message behind it. */
function lowered(
  stage: number,
  letter: "F" | "B",
  microBatch: number,
  event: number,
  waits: readonly number[],
  send?: Pick<NonNullable<LoweredAction["send"]>, "event" | "waits">,
): LoweredAction {
  return { action: { stage, letter, microBatch }, event, waits, send } as unknown as LoweredAction;
}

const queued = (...all: readonly LoweredAction[]): WatchedStage["queued"] =>
  all.map((each) => ({ lowered: each, isComputed: false }));

/** Each waits for what the other one has behind its own. */
const CROSSED: readonly WatchedStage[] = [
  { device: "cpu:0", queued: queued(lowered(0, "B", 0, 1, [4])), coming: [lowered(0, "F", 1, 2, [])] },
  { device: "cpu:1", queued: queued(lowered(1, "F", 1, 3, [2])), coming: [lowered(1, "B", 0, 4, [])] },
];

const LONG: readonly WatchedStage[] = [
  { device: "cpu:0", queued: queued(lowered(0, "F", 0, 1, [])), coming: [] },
  { device: "cpu:1", queued: queued(lowered(1, "F", 0, 2, [1])), coming: [] },
];

describe("what a standstill is", () => {
  it("says who waits for what where devices wait for each other", () => {
    expect(standstill(CROSSED)).toEqual({
      isBlocked: true,
      lines: ["cpu:0: 0B0 waits for 1B0", "cpu:1: 1F1 waits for 0F1"],
    });
  });

  it("is none where one has all that it needs, and tells of messages that are left", () => {
    expect(standstill(LONG)).toEqual({
      isBlocked: false,
      lines: ["cpu:0: 0F0 has all that it needs, and does not end", "cpu:1: 1F0 waits for 0F0"],
    });
    const sending = lowered(0, "F", 0, 1, [], { event: 5, waits: [9] });
    const stages: readonly WatchedStage[] = [
      { device: "cpu:0", queued: [{ lowered: sending, isComputed: true }], coming: [] },
      { device: "cpu:1", queued: queued(lowered(1, "B", 2, 9, [5])), coming: [] },
    ];
    expect(standstill(stages)).toEqual({
      isBlocked: true,
      lines: ["cpu:0: the message of 0F0 waits for 1B2", "cpu:1: 1B2 waits for the message of 0F0"],
    });
  });
});

describe("a watchdog", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  function watched(stages: readonly WatchedStage[]) {
    const seen = { ended: 0, busy: true, errors: [] as DeviceError[] };
    const dog = watch({
      numEnded: () => seen.ended,
      isBusy: () => seen.busy,
      stages: () => stages,
      onStall: (error) => void seen.errors.push(error),
    });
    return { seen, dog };
  }

  it("fails a run within a minute whose devices wait for each other, and waits longer for a long action", () => {
    const [crossed, long] = [watched(CROSSED), watched(LONG)];
    vi.advanceTimersByTime(60_000);
    expect(crossed.seen.errors[0]?.message).toMatch(
      /^Expected an action to end within 30 s, got "devices that wait for each other"\.\n(.*\n)*cpu:0: 0B0 waits for 1B0/,
    );
    expect(long.seen.errors).toEqual([]);
    vi.advanceTimersByTime(900_000);
    expect(long.seen.errors[0]?.message).toMatch(/within 900 s.*\n(.*\n)*cpu:0: 0F0 has all that it needs/);
    for (const { dog } of [crossed, long]) dog[Symbol.dispose]();
  });

  it("is quiet while anything ends, or nobody has anything to do", () => {
    const { seen, dog } = watched(CROSSED);
    for (let minute = 0; minute < 60; minute += 1) {
      seen.ended += 1;
      vi.advanceTimersByTime(20_000);
    }
    seen.busy = false;
    vi.advanceTimersByTime(3_600_000);
    expect(seen.errors).toEqual([]);
    seen.busy = true;
    vi.advanceTimersByTime(60_000);
    expect(seen.errors.length).toBeGreaterThan(0);
    dog[Symbol.dispose]();
    const count = seen.errors.length;
    vi.advanceTimersByTime(60_000);
    expect(seen.errors).toHaveLength(count);
  });
});
