import { describe, expect, it } from "vitest";
import {
  actionsAtSpeed,
  machineMoves,
  machineState,
  operatorsAtSpeed,
  referenceSpeed,
} from "../../calibration/index.ts";
import { drawMoves, lostTime } from "../../calibration/machine-moves.ts";
import { createRng, mean, median } from "../../core/index.ts";
import { createCostModel, type MeasuredCalibration, type PlanBody } from "../../plan/index.ts";
import { atMachineSpeed, simulate } from "../../sim/index.ts";
import { intervalOf, type RunMachine, type Trace, traceTotals } from "../../traces/index.ts";
import { measuredUnit } from "../calibration/measured-unit.ts";
import { unitPlan } from "../plan/unit-plan.ts";

const SPEED = { product: 100e9, copy: 50e9 };
const machine = {
  host: "a",
  probes: [
    {
      atSeconds: 0,
      devices: ["unit:0", "unit:1"].map((device) => ({
        device,
        float32: { perSecond: 80e9, scatter: 0 },
        memory: { perSecond: 10e9, scatter: 0 },
      })),
    },
  ],
  states: [],
  speed: SPEED,
  interrupted: 0,
};

function planWith(calibration: MeasuredCalibration): PlanBody {
  return { ...unitPlan({ numDevices: 2, numJobs: 2, parts: 2, steps: 3 }), calibration };
}

/** A run that takes what is predicted, with `change` of its events, on devices of these speeds. */
function executed(
  plan: PlanBody,
  devices: readonly Partial<RunMachine["devices"][number]>[],
  change: (event: Trace["events"][number]) => Partial<Trace["events"][number]> = () => ({}),
): Trace {
  const costModel = createCostModel(plan.calibration, "float32");
  const run = simulate({ plan, planHash: "", costModel });
  return {
    ...run,
    source: "executed",
    events: run.events.map((event) => ({ ...event, ...change(event) })),
    machine: {
      probes: [],
      devices: devices.map((device, index) => ({
        name: plan.devices[index]!.name,
        interrupted: 0,
        switches: 0,
        samples: [[0, SPEED.product, SPEED.copy]],
        ...device,
      })),
    },
  };
}

const AS_IT_WAS = [{}, {}];

describe("a prediction for the machine as it was", () => {
  const plan = planWith({ ...measuredUnit(), machine });
  const predicted = traceTotals(executed(plan, AS_IT_WAS)).makespanSeconds;

  it("is the prediction itself where the machine was as when it was calibrated", () => {
    expect(atMachineSpeed(plan, executed(plan, AS_IT_WAS))!.makespanSeconds).toBeCloseTo(predicted, 9);
  });

  it("does not depend on how long the run's actions took", () => {
    const slow = executed(plan, AS_IT_WAS, ({ durationNs }) => ({ durationNs: (durationNs * 3) as typeof durationNs }));
    expect(atMachineSpeed(plan, slow)!.makespanSeconds).toBeCloseTo(predicted, 9);
  });

  it("adds the time for which threads did not have their cores, during actions and before them", () => {
    const first = (event: Trace["events"][number]): boolean => event.action === "0F0" && event.stream === "compute";
    for (const lost of ["interruptedNs", "delayedNs"] as const) {
      const run = executed(plan, AS_IT_WAS, (event) => (first(event) ? { [lost]: 5e9 } : {}));
      expect(atMachineSpeed(plan, run)!.makespanSeconds).toBeCloseTo(predicted + 5, 6);
    }
  });

  it("is slower by as much as products and copies were, weighed by their shares of the work", () => {
    const half = AS_IT_WAS.map(() => ({
      samples: [[0, SPEED.product / 2, SPEED.copy / 2]] as [number, number, number][],
    }));
    const slow = atMachineSpeed(plan, executed(plan, half))!;
    expect(slow.makespanSeconds).toBeGreaterThan(1.95 * predicted);
    expect(slow.makespanSeconds).toBeLessThanOrEqual(2.001 * predicted);
    expect(slow.devices[0]).toMatchObject({ name: "unit:0", productsSlower: 1, memorySlower: 1 });
  });

  it("goes by the probes before and after where there are no samples", () => {
    const run = executed(
      plan,
      AS_IT_WAS.map(() => ({ samples: [] })),
    );
    const probes = machine.probes.map((probe) => ({
      ...probe,
      devices: probe.devices.map((device) => ({
        ...device,
        float32: { perSecond: 40e9, scatter: 0 },
        memory: { perSecond: 5e9, scatter: 0 },
      })),
    }));
    const slow = atMachineSpeed(plan, { ...run, machine: { ...run.machine!, probes } })!;
    expect(slow.makespanSeconds / predicted).toBeGreaterThan(1.9);
  });

  it("takes out of the costs what they reckon with interruptions, before it adds those that there were", () => {
    const often = planWith({ ...measuredUnit(), machine: { ...machine, interrupted: 0.5 } });
    const run = executed(often, AS_IT_WAS);
    expect(traceTotals(run).makespanSeconds).toBeGreaterThan(1.9 * predicted);
    expect(atMachineSpeed(often, run)!.makespanSeconds).toBeCloseTo(predicted, 6);
  });

  it("is not made where the calibration or the run did not look at the machine", () => {
    expect(atMachineSpeed(planWith(measuredUnit()), executed(plan, AS_IT_WAS))).toBeUndefined();
    const { machine: _machine, ...blind } = executed(plan, AS_IT_WAS);
    expect(atMachineSpeed(plan, blind)).toBeUndefined();
  });
});

describe("measured times at one speed", () => {
  const timed = (seconds: number, product: number, copy = SPEED.copy) => ({ seconds, speed: { product, copy } });

  it("have as reference the middle speed by time, and none where nobody looked", () => {
    expect(referenceSpeed([timed(1, 10), timed(5, 20), timed(1, 90)])).toEqual({ product: 20, copy: SPEED.copy });
    expect(referenceSpeed([{ seconds: 1, speed: undefined }])).toBeUndefined();
  });

  it("are those at the reference, by the share of products", () => {
    const reference = { product: 20, copy: SPEED.copy };
    expect(actionsAtSpeed([{ ...timed(3, 10), products: 0.5 }], reference)[0]!.seconds).toBeCloseTo(2.25, 12);
    expect(operatorsAtSpeed([{ ...timed(3, 10), kind: "matmul:F" }], reference)[0]!.seconds).toBeCloseTo(1.5, 12);
    expect(operatorsAtSpeed([{ ...timed(3, 10), kind: "rope:F" }], reference)[0]!.seconds).toBe(3);
    expect(operatorsAtSpeed([{ ...timed(3, 10), kind: "head" }], undefined)[0]!.seconds).toBe(3);
  });
});

describe("how much a machine moves", () => {
  const state = { product: 50e9, interrupted: 0.2, switchesPerSecond: 100 };

  it("is told by the states that it was seen in, against what the calibration predicts", () => {
    const calibrated = { ...machine, interrupted: 0.2, states: [state] };
    const run = { product: 100e9, interrupted: 0.6, switchesPerSecond: 0, probed: state, ageSeconds: 1 };
    const moves = machineMoves(calibrated, "float32", [run])!;
    expect(moves.calibrated).toEqual([{ own: 1.6, lost: 0.25, piecesPerSecond: 100 }]);
    expect(moves.seen[0]!.own).toBeCloseTo(0.8, 12);
    expect(moves.seen[0]!.lost).toBeCloseTo(1.5, 12);
    const { speed: _speed, ...blind } = calibrated;
    expect(machineMoves(blind, "float32", [])).toBeUndefined();
  });

  it("of a run is the mean of its devices, and unknown where none was sampled", () => {
    const plan = planWith({ ...measuredUnit(), machine });
    const run = executed(plan, [{ interrupted: 0.1, switches: 30 }, { interrupted: 0.3 }]);
    const seen = machineState(run)!;
    expect(seen.interrupted).toBeCloseTo(0.2, 12);
    expect(seen.product).toBeCloseTo(SPEED.product, 0);
    expect(seen.switchesPerSecond).toBeGreaterThan(0);
    const blind = AS_IT_WAS.map(() => ({ samples: [] }));
    expect(machineState(executed(plan, blind))).toBeUndefined();
  });

  it("is drawn from what was seen: from a calibration's minutes less often, the more runs there are", () => {
    const [old, later] = [1, 4].map((own) => ({ own, lost: 0, piecesPerSecond: 0 }));
    const share = (runs: number): number => {
      const rng = createRng(runs);
      const moves = { calibrated: [old!, old!], seen: Array.from({ length: runs }, () => later!) };
      return mean(Array.from({ length: 400 }, () => (drawMoves(moves, "been")(rng).own > 2 ? 1 : 0)));
    };
    expect(share(0)).toBe(0);
    expect(share(3)).toBeGreaterThan(0.3);
    expect(share(27)).toBeGreaterThan(0.8);
  });

  it("reaches somewhat beyond what was seen, and nowhere else where all was one", () => {
    const rng = createRng(1);
    const same = { own: 1, lost: 0.5, piecesPerSecond: 10 };
    const moveOf = drawMoves({ calibrated: [same, same], seen: [] }, "been");
    for (let draw = 0; draw < 10; draw += 1) {
      const { own, lost } = moveOf(rng);
      expect(own).toBe(1);
      expect(lost).toBeLessThanOrEqual(0.5 + 1e-12);
    }
    const two = { calibrated: [same, { ...same, own: 2 }], seen: [] };
    const drawn = Array.from({ length: 200 }, () => drawMoves(two, "been")(rng).own);
    expect(Math.max(...drawn)).toBeGreaterThan(2.1);
    expect(Math.min(...drawn)).toBeLessThan(0.95);
  });

  it("may be less than while it was calibrated, down to none", () => {
    const rng = createRng(3);
    const busy = { own: 1, lost: 4, piecesPerSecond: 10 };
    const moveOf = drawMoves({ calibrated: [busy, busy], seen: [] }, "been");
    const lost = Array.from({ length: 400 }, () => moveOf(rng).lost);
    expect(Math.min(...lost)).toBeLessThan(0.2);
    expect(lost.filter((each) => Math.abs(each - 4) < 1e-9).length / lost.length).toBeCloseTo(0.6, 1);
  });

  it("is now near what a probe says, corrected by what such probes said of runs like it, and rarely as it has been", () => {
    const calibrated = { ...machine, interrupted: 0, states: [{ ...state, interrupted: 0 }] };
    const probed = { product: 40e9, interrupted: 0.5 };
    const half = { product: 100e9, interrupted: 0.5, switchesPerSecond: 100, ageSeconds: 10 };
    const levels = (runs: number, of: Partial<typeof half> = {}): readonly number[] => {
      const seen = Array.from({ length: runs }, () => ({ ...half, probed, ...of }));
      const moveOf = drawMoves(machineMoves(calibrated, "float32", seen, probed)!, "now");
      const rng = createRng(7);
      return Array.from({ length: 2000 }, () => moveOf(rng)).map(({ own, lost }) => own * (1 + lost));
    };
    // Four times slower by the probe; runs behind such probes were half as slow as they said.
    expect(median(levels(0))).toBeCloseTo(4, 0);
    expect(median(levels(20))).toBeCloseTo(2, 1);
    const [low, high] = intervalOf(levels(20), 0.9);
    expect(high / low).toBeLessThan(1.35);
    // Those of days ago, or behind probes that said something else, say nothing.
    expect(median(levels(20, { ageSeconds: 1e5 }))).toBeCloseTo(4, 0);
    const quiet = { product: 80e9, interrupted: 0 };
    const others = Array.from({ length: 20 }, () => ({ ...half, probed: quiet }));
    const moveOf = drawMoves(machineMoves(calibrated, "float32", others, probed)!, "now");
    const rng = createRng(8);
    expect(median(Array.from({ length: 500 }, () => moveOf(rng).own))).toBeCloseTo(2, 0);
  });

  it("is at its best when it is left alone", () => {
    const best = { own: 1, lost: 0.01, piecesPerSecond: 1 };
    const busy = { own: 1.2, lost: 2, piecesPerSecond: 100 };
    const moveOf = drawMoves({ calibrated: [busy], seen: [busy, busy, best, best] }, "alone");
    expect(moveOf(createRng(1))).toEqual(best);
  });

  it("takes time in pieces: on average the share that was lost, of a scatter that few pieces make larger", () => {
    const rng = createRng(2);
    const figures = (piecesPerSecond: number): readonly [number, number] => {
      const lost = Array.from({ length: 2000 }, () => lostTime(1e9, { own: 1, lost: 0.5, piecesPerSecond }, rng) / 1e9);
      const middle = mean(lost);
      return [middle, Math.sqrt(mean(lost.map((each) => (each - middle) ** 2)))];
    };
    for (const pieces of [2, 10, 200]) {
      const [middle, deviation] = figures(pieces);
      expect(middle).toBeGreaterThan(0.45);
      expect(middle).toBeLessThan(0.55);
      expect(deviation / (0.5 * Math.sqrt(2 / pieces))).toBeCloseTo(1, 0);
    }
    expect(figures(0)).toEqual([expect.closeTo(0.5, 12), 0]);
  });
});
