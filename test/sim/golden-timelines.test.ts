import { describe, expect, it } from "vitest";
import { createCostModel } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { smallPlan } from "./small-plan.ts";
import { timeline } from "./virtual-time.ts";

/** LoRAPP's figure 4: four devices, Tf = 1, Tb = 2, transfers free; each row is what one device does, action@start. */
const GPIPE_MODE = [
  "F1@0 F2@1 F3@2 F4@3 B1@13 F1@15 B2@16 F2@18 B3@19 F3@21 B4@22 F4@24 B1@26 F1@28 B2@29",
  "F1@1 F2@2 F3@3 F4@4 B1@11 B2@13 B3@15 F1@17 B4@18 F2@20 F3@22 B1@24 F4@26 B2@27 F1@29",
  "F1@2 F2@3 F3@4 F4@5 B1@9 B2@11 B3@13 B4@15 F1@18 F2@21 B1@22 F3@24 B2@25 F4@27 B3@28 F1@30",
  "F1@3 F2@4 F3@5 F4@6 B1@7 B2@9 B3@11 B4@13 F1@19 B1@20 F2@22 B2@23 F3@25 B3@26 F4@28 B4@29",
];
/** The last device's row is printed up to B1@16; the rest is its period of 12. */
const ONE_F_ONE_B_MODE = [
  "F1@0 F2@1 F3@2 F4@3 B1@10 F1@12 B2@13 F2@15 B3@16 F3@18 B4@19 F4@21 B1@22 F1@24",
  "F1@1 F2@2 F3@3 F4@4 B1@8 B2@11 F1@13 B3@14 F2@16 B4@17 F3@19 B1@20 F4@22 B2@23",
  "F1@2 F2@3 F3@4 F4@5 B1@6 B2@9 B3@12 F1@14 B4@15 F2@17 B1@18 F3@20 B2@21 F4@23 B3@24",
  "F1@3 B1@4 F2@6 B2@7 F3@9 B3@10 F4@12 B4@13 F1@15 B1@16 F2@18 B2@19 F3@21 B3@22",
];

const NUM_JOBS = 4;
const NUM_STEPS = 3;

/** The row's actions as keys: the n-th F1 is job 1's step n, which is micro-batch 4 n + 0. */
function orderOf(row: string): string {
  const seen = new Map<string, number>();
  const keys = row.split(" ").map((entry) => {
    const name = entry.split("@")[0]!;
    const step = seen.get(name) ?? 0;
    seen.set(name, step + 1);
    return `${name[0]}${step * NUM_JOBS + Number(name.slice(1)) - 1}`;
  });
  return keys.join(" ");
}

/** Back from micro-batches to jobs: F4@12 is F1@12. */
function jobsOf(line: string): string {
  return line.replaceAll(
    /([FB])(\d+)@/g,
    (_, letter, microBatch) => `${letter}${(Number(microBatch) % NUM_JOBS) + 1}@`,
  );
}

describe("the paper's figure 4, run from its own orders", () => {
  const seconds = { F: 1, B: 2, transfer: 0, update: 0 };
  const costModel = createCostModel({ kind: "calibration", version: 1, model: "constant", seconds }, "float32");
  const microBatches = Array.from({ length: NUM_JOBS * NUM_STEPS }, (_, index) => ({
    tokens: 1,
    group: index % NUM_JOBS,
    step: Math.floor(index / NUM_JOBS),
  }));

  it.each([
    ["(b), GPipe mode", GPIPE_MODE],
    ["(c), 1F1B mode", ONE_F_ONE_B_MODE],
  ])("starts every action of %s when the paper says", (_, rows) => {
    const plan = smallPlan({ orders: rows.map(orderOf), microBatches });
    const trace = simulate({ plan, planHash: "", costModel });
    expect(rows.map((_row, device) => jobsOf(timeline(trace, device, "compute")))).toEqual(rows);
  });
});
