import { describe, expect, it } from "vitest";
import { gridText, timelineText } from "../../traces/index.ts";
import { event, trace, twoStages } from "./hand-made.ts";

describe("a timeline as text", () => {
  it("has a line a device with job and start, updates left out", () => {
    expect(timelineText(twoStages())).toBe("d0  F1@0 F2@1 B1@5 B2@8\nd1  F1@1.5 B1@2.5 F2@4.5 B2@5.5");
  });

  it("shows updates when asked, and counts time in the unit given", () => {
    expect(timelineText(twoStages(), { letters: ["F", "B", "U"], unitSeconds: 0.5 }).split("\n")[0]).toBe(
      "d0  F1@0 F2@2 B1@10 U1@14 B2@16 U2@20",
    );
    expect(timelineText(twoStages(), { letters: ["B"] }).split("\n")[0]).toBe("d0  B1@5 B2@8");
    expect(timelineText(twoStages(), { unitSeconds: 3 }).split("\n")[1]).toBe("d1  F1@0.5 B1@0.833 F2@1.5 B2@1.833");
  });

  it("numbers the micro-batches of a single job by part", () => {
    const run = trace(
      [
        event("0F0", 0, 1),
        event("0F1", 1, 1, { part: 1 }),
        event("0B1", 2, 2, { part: 1 }),
        event("0B0", 4, 2),
        event("0F2", 6, 1, { step: 1 }),
      ],
      { devices: ["a"] },
    );
    expect(timelineText(run)).toBe("d0  F1@0 F2@1 B2@2 B1@4 F1@6");
  });

  it("numbers job and part when several jobs have several parts, and a mini-batch's update by its job", () => {
    const second = { jobs: ["text"] };
    const run = trace([
      event("0F0", 0, 1),
      event("0F1", 1, 1, { part: 1 }),
      event("0F2", 2, 1, second),
      event("0F3", 3, 1, { ...second, part: 1 }),
      event("0U3", 4, 1, { ...second, part: 1 }),
    ]);
    expect(timelineText(run, { letters: ["F", "U"] }).split("\n")[0]).toBe("d0  F11@0 F12@1 F21@2 F22@3 U2@4");
  });

  it("separates job and part by a dot where a digit would not do", () => {
    const run = trace([event("0F0", 0, 1, { part: 10 }), event("0F1", 1, 1, { jobs: ["text"] })]);
    expect(timelineText(run).split("\n")[0]).toBe("d0  F1.11@0 F2.1@1");
  });

  it("writes fused jobs in brackets, numbered as they were dealt to the groups or as the plan says", () => {
    const run = trace([event("0F0", 0, 1, { jobs: ["a", "c"] }), event("0F1", 1, 1, { jobs: ["b", "d"] })], {
      devices: ["cpu:0"],
    });
    expect(timelineText(run)).toBe("d0  F(1,3)@0 F(2,4)@1");
    expect(timelineText(run, { jobs: ["a", "c", "b", "d"] })).toBe("d0  F(1,2)@0 F(3,4)@1");
  });

  it("can stop early", () => {
    expect(timelineText(twoStages(), { untilUnits: 5 })).toBe("d0  F1@0 F2@1\nd1  F1@1.5 B1@2.5 F2@4.5");
  });
});

describe("a timeline as a grid", () => {
  it("shows what runs in each unit", () => {
    expect(`\n${gridText(twoStages(), { unitSeconds: 0.5 })}`).toBe(`
t   0  1  2  3  4  5  6  7  8  9  10 11 12 13 14 15 16 17 18 19
d0  F1 F1 F2 F2 .  .  .  .  .  .  B1 B1 B1 B1 .  .  B2 B2 B2 B2
d1  .  .  .  F1 F1 B1 B1 B1 B1 F2 F2 B2 B2 B2 B2 .  .  .  .  .`);
  });

  it("can stop early", () => {
    expect(gridText(twoStages(), { untilUnits: 2 })).toBe("t   0  1\nd0  F1 F2\nd1  .  F1");
  });
});
