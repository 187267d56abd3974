import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SharedMachine } from "../../sim/run/shared-machine.ts";

const CONTENTION = { devices: 2, alone: { F: 0.5, B: 0.8, U: 1 } } as const;

/** Ends of actions given by stage, letter, start and busy time, in order of start. */
function endsOf(
  machine: SharedMachine,
  actions: readonly (readonly [stage: number, letter: "F" | "B" | "U", startNs: number, busyNs: number])[],
): ReadonlyMap<number, number> {
  const ends = new Map<number, number>();
  const finishUntil = (timeNs: number): void => {
    for (let next = machine.nextEndNs(); next !== null && next <= timeNs; next = machine.nextEndNs())
      for (const stage of machine.takeEnded(next)) ends.set(stage, next);
  };
  for (const [stage, letter, startNs, busyNs] of actions) {
    finishUntil(startNs);
    machine.start(stage, letter, busyNs, startNs);
  }
  finishUntil(Number.POSITIVE_INFINITY);
  return ends;
}

describe("actions on one machine", () => {
  test("an action alone takes its share of the time on a busy machine", () => {
    expect(endsOf(new SharedMachine(CONTENTION), [[0, "F", 0, 100]])).toEqual(new Map([[0, 50]]));
  });

  test("two actions that run together all the time take all of it", () => {
    const ends = endsOf(new SharedMachine(CONTENTION), [
      [0, "F", 0, 100],
      [1, "B", 0, 100],
    ]);
    expect(ends).toEqual(
      new Map([
        [0, 100],
        [1, 100],
      ]),
    );
  });

  test("an action slows down when another one starts beside it, and speeds up when that one ends", () => {
    // Alone until 20 (40 of 100 done), together until 50 (70 done), alone for the rest: 30 x 0.5.
    const ends = endsOf(new SharedMachine(CONTENTION), [
      [0, "F", 0, 100],
      [1, "U", 20, 30],
    ]);
    expect(ends).toEqual(
      new Map([
        [1, 50],
        [0, 65],
      ]),
    );
  });

  test("with three devices measured, one other counts half", () => {
    const ends = endsOf(new SharedMachine({ ...CONTENTION, devices: 3 }), [
      [0, "F", 0, 100],
      [1, "F", 0, 100],
    ]);
    expect([...ends.values()]).toEqual([75, 75]);
  });

  test("an action takes no less than alone and no more than on a busy machine, whatever runs beside it", () => {
    const action = fc.tuple(fc.constantFrom("F" as const, "B" as const, "U" as const), fc.nat(1000), fc.nat(1000));
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 5 }), fc.integer({ min: 2, max: 6 }), (list, devices) => {
        const actions = list
          .map(([letter, startNs, busyNs]) => [letter, startNs, busyNs] as const)
          .sort((a, b) => a[1] - b[1])
          .map(([letter, startNs, busyNs], stage) => [stage, letter, startNs, busyNs] as const);
        const ends = endsOf(new SharedMachine({ ...CONTENTION, devices }), actions);
        for (const [stage, letter, startNs, busyNs] of actions) {
          const taken = ends.get(stage)! - startNs;
          // Whole nanoseconds: up to one for every change of pace.
          expect(taken).toBeGreaterThanOrEqual(CONTENTION.alone[letter] * busyNs - actions.length);
          expect(taken).toBeLessThanOrEqual(busyNs + actions.length);
        }
      }),
    );
  });
});
