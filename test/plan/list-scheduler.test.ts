import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dependencyTable } from "../../plan/actions/dependencies.ts";
import { timelineOf } from "../../plan/actions/timeline.ts";
import {
  actionsOf,
  BACKWARD,
  FORWARD,
  letterOf,
  type MiniBatch,
  microBatchOf,
  type StageOrders,
  UPDATE,
} from "../../plan/index.ts";
import { ListScheduler, type ListSetting } from "../../plan/schedules/list-scheduler.ts";
import { ScheduledTimes } from "../../plan/schedules/scheduled-times.ts";

/** Random work: groups of some steps, each of some micro-batches, with times, limits and clipping of their own. */
const work = fc
  .record({
    numStages: fc.integer({ min: 1, max: 4 }),
    steps: fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 5,
    }),
    seed: fc.nat(1000),
    transfer: fc.nat(4),
    maxInFlight: fc.option(fc.integer({ min: 1, max: 5 })),
    held: fc.option(fc.integer({ min: 1, max: 12 })),
    clipped: fc.boolean(),
    signal: fc.nat(3),
    isHalfDuplex: fc.boolean(),
    prefer: fc.constantFrom("F", "B"),
  })
  .map(({ numStages, steps, seed, transfer, maxInFlight, held, clipped, signal, isHalfDuplex, prefer }) => {
    let index = 0;
    const groups = steps.map((counts, group) =>
      counts.map(
        (count, step): MiniBatch => ({ group, step, microBatches: Array.from({ length: count }, () => index++) }),
      ),
    );
    const setting: ListSetting = {
      ...{ numStages, maxInFlight, prefer },
      durationNs: (stage, letter, microBatch) =>
        letter === UPDATE ? 0 : 1 + ((seed * 7 + stage * 3 + microBatch * 5) % 4) * (letter === BACKWARD ? 2 : 1),
      transferNs: () => ({ arrival: transfer, occupied: Math.ceil(transfer / 2) }),
      isHalfDuplex: () => isHalfDuplex,
      // Within a transfer, as messages are: an update goes before the next mini-batch's forwards.
      signalNs: (stage) => Math.min(transfer, signal) * (stage % 2),
      activations: held === null ? undefined : { limit: held, sizeOf: (microBatch) => 1 + (microBatch % 3) },
      clips: () => clipped,
    };
    return { setting, groups };
  });

function whole({
  setting,
  groups,
}: {
  readonly setting: ListSetting;
  readonly groups: readonly (readonly MiniBatch[])[];
}): StageOrders {
  const scheduler = new ListScheduler(setting);
  for (const steps of groups) scheduler.admit(steps);
  scheduler.advance(Number.POSITIVE_INFINITY);
  return scheduler.take();
}

function joined(pieces: readonly StageOrders[]): StageOrders {
  return pieces[0]!.map((_, stage) => Int32Array.from(pieces.flatMap((piece) => [...piece[stage]!])));
}

describe("a list scheduler", () => {
  it("says the times that a timeline of its orders has, unless something queues", () => {
    let numSaid = 0;
    fc.assert(
      fc.property(work, ({ setting, groups }) => {
        const { numStages, durationNs, transferNs, signalNs, clips } = setting;
        const times = new ScheduledTimes(numStages);
        const orders = whole({ setting: { ...setting, times }, groups });
        const said = times.timelineOf(orders);
        if (said === undefined) return;
        numSaid += 1;
        const optimizer = clips(groups[0]![0]!) ? { maxGradNorm: 1 } : {};
        const plan = {
          stages: Array.from({ length: numStages }),
          pipelines: [{ firstStage: 0, endStage: numStages }],
          jobs: groups.map(() => ({ optimizer })),
          groups: groups.map((steps, job) => ({
            pipeline: 0,
            members: [{ job, firstStep: 0, endStep: steps.length }],
          })),
          microBatches: groups.flatMap((steps) =>
            steps.flatMap(({ group, step, microBatches }) =>
              microBatches.map((index) => ({ index, group, step, after: steps[step - 1]?.microBatches ?? [] })),
            ),
          ),
        };
        const table = dependencyTable(plan as never);
        const arrivalNs = (boundary: number, microBatch: number): number => transferNs(boundary, microBatch).arrival;
        expect(said).toEqual(timelineOf(orders, table, { durationNs, transferNs: arrivalNs, signalNs: signalNs! }));
      }),
    );
    expect(numSaid).toBeGreaterThan(10);
  });

  it("makes the same orders in one piece as taken at any times", () => {
    fc.assert(
      fc.property(work, fc.array(fc.nat(80), { maxLength: 12 }), (given, times) => {
        const scheduler = new ListScheduler(given.setting);
        for (const steps of given.groups) scheduler.admit(steps);
        const pieces = [...times]
          .sort((a, b) => a - b)
          .map((untilNs) => {
            scheduler.advance(untilNs);
            expect(scheduler.nowNs).toBe(untilNs);
            return scheduler.take();
          });
        scheduler.advance(Number.POSITIVE_INFINITY);
        expect(joined([...pieces, scheduler.take()])).toEqual(whole(given));
      }),
      { numRuns: 300 },
    );
  });

  it("makes the same orders when each group's next mini-batches come while the last one is in flight", () => {
    fc.assert(
      fc.property(work, (given) => {
        const scheduler = new ListScheduler(given.setting);
        const admitted = given.groups.map(() => 0);
        const ended = given.groups.map(() => 0);
        const pieces: StageOrders[] = [];
        const total = given.groups.flat(2).length;
        for (let nowNs = 0; ended.reduce((sum, count) => sum + count, 0) < total; nowNs += 1) {
          given.groups.forEach((steps, group) => {
            const ahead = steps.slice(admitted[group]!, ended[group]! + 2);
            scheduler.admit(ahead);
            admitted[group]! += ahead.length;
          });
          scheduler.advance(nowNs);
          const piece = scheduler.take();
          pieces.push(piece);
          for (const action of piece[0]!) {
            const microBatch = microBatchOf(action);
            const owner = given.groups.flat().find(({ microBatches }) => microBatches.includes(microBatch))!;
            if (letterOf(action) === UPDATE) ended[owner.group]! += 1;
          }
        }
        scheduler.advance(Number.POSITIVE_INFINITY);
        expect(joined([...pieces, scheduler.take()])).toEqual(whole(given));
      }),
      { numRuns: 150 },
    );
  });

  it("goes on with a group that is admitted while others are in flight, without waiting for them", () => {
    const setting: ListSetting = {
      ...{ numStages: 2, maxInFlight: null, prefer: "B" },
      durationNs: (_, letter) => (letter === FORWARD ? 1 : letter === BACKWARD ? 2 : 0),
      transferNs: () => ({ arrival: 0, occupied: 0 }),
      clips: () => false,
    };
    const scheduler = new ListScheduler(setting);
    const steps = (group: number, first: number): readonly MiniBatch[] =>
      Array.from({ length: 3 }, (_, step) => ({ group, step, microBatches: [first + step] }));
    scheduler.admit(steps(0, 0));
    scheduler.advance(1);
    scheduler.admit(steps(1, 3));
    scheduler.advance(Number.POSITIVE_INFINITY);
    const [first] = scheduler.take();
    // The second group's first forward fills the time in which the first one's mini-batch is on the other stage.
    expect(actionsOf(0, first!.slice(0, 4)).map(({ letter, microBatch }) => `${letter}${microBatch}`)).toEqual([
      "F0",
      "F3",
      "B0",
      "U0",
    ]);
  });
});
