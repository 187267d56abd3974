import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Nanos, nanos, secondsToNanos } from "../../core/index.ts";
import { Wire } from "../../sim/network/link.ts";

/** Runs flows of [start seconds, bytes] over one wire and returns the second at which each ended. */
function endsOf(bytesPerSecond: number, flows: readonly (readonly [number, number])[]): readonly number[] {
  const wire = new Wire<number>(bytesPerSecond);
  const ends: number[] = flows.map(() => Number.NaN);
  const starts = flows
    .map(([start], flow) => ({ flow, timeNs: secondsToNanos(start) }))
    .sort((a, b) => a.timeNs - b.timeNs);
  for (let next = wire.nextEndNs(); starts.length > 0 || next !== null; next = wire.nextEndNs()) {
    const start = starts[0];
    if (start !== undefined && (next === null || start.timeNs < next)) {
      wire.start(start.flow, flows[start.flow]![1], start.timeNs);
      starts.shift();
    } else {
      const nowNs = next as Nanos;
      for (const flow of wire.takeEnded(nowNs)) ends[flow] = nowNs / 1e9;
    }
  }
  return ends;
}

describe("a wire", () => {
  it("gives a lone flow the whole rate, rounded once to a nanosecond", () => {
    expect(endsOf(3, [[0, 10]])).toEqual([3.333333333]);
  });

  it("splits the rate between flows in progress, and gives all of it back to the one that stays", () => {
    // 100 B/s. A (400 B) is alone for 1 s, then both have 50 B/s; B (100 B) ends at 3, A's last 200 B take 2 s.
    expect(
      endsOf(100, [
        [0, 400],
        [1, 100],
      ]),
    ).toEqual([5, 3]);
  });

  it("shares between three that come one after the other", () => {
    // 90 B/s: A has 90 by 1; A and B have 45 each in 1..2; then 30 each until A's last 60 of 195 are through at 4; B
    // has 60 left, C 30.
    expect(
      endsOf(90, [
        [0, 195],
        [1, 165],
        [2, 90],
      ]),
    ).toEqual([4, 5, 14 / 3].map((end) => expect.closeTo(end, 8)));
  });

  it("ends equal flows at the same instant", () => {
    const wire = new Wire<string>(10);
    wire.start("a", 10, nanos(0));
    wire.start("b", 10, nanos(0));
    expect(wire.nextEndNs()).toBe(2e9);
    expect(wire.takeEnded(nanos(2e9))).toEqual(["a", "b"]);
    expect(wire.nextEndNs()).toBeNull();
  });

  it("moves all bytes at its full rate while any flow is in progress", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 8 }), (sizes) => {
        const ends = endsOf(
          1000,
          sizes.map((size) => [0, size] as const),
        );
        const total = sizes.reduce((sum, size) => sum + size, 0) / 1000;
        expect(Math.abs(Math.max(...ends) - total)).toBeLessThan(1e-8 * sizes.length);
      }),
    );
  });
});
