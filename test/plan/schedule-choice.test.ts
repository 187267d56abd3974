import { expect, test } from "vitest";
import { makePlan, reasonedPlan } from "../../plan/index.ts";
import { unitRequest } from "./unit-plan.ts";

const OPEN = { ...unitRequest({ numDevices: 2, numJobs: 2, parts: 2, steps: 3 }), schedule: "auto" } as const;

test("a schedule that is left open is LoRAPP where no other saves time, and the others are said", () => {
  const { body, explanation } = reasonedPlan(OPEN);
  expect(body).toEqual(makePlan({ ...OPEN, schedule: "lorapp" }));
  expect(explanation.ways[0]).toMatchObject({ state: "chosen", schedule: "lorapp" });
  expect(new Set(explanation.ways.map(({ schedule }) => schedule))).toEqual(
    new Set(["lorapp", "lorapp-gpipe", "1f1b"]),
  );
});

test("groups that were asked for are not given up for a schedule of one job at a time", () => {
  const { explanation } = reasonedPlan({ ...OPEN, groups: 1 });
  expect(new Set(explanation.ways.map(({ schedule }) => schedule))).toEqual(new Set(["lorapp", "lorapp-gpipe"]));
});

test("one that was asked for is the only one", () => {
  const { body, explanation } = reasonedPlan({ ...OPEN, schedule: "1f1b" });
  expect(body.schedule).toBe("1f1b");
  expect(explanation.ways.every(({ schedule }) => schedule === "1f1b")).toBe(true);
});
