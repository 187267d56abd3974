import { describe, expect, it } from "vitest";
import { alone, runFleet } from "./live-script.ts";
import { adapterBytes, type SmallCase, smallCase } from "./small-run.ts";

function fleetCase(steps = 12): SmallCase {
  return smallCase([
    { rank: 4, dropout: 0.1, steps, optimizer: { maxGradNorm: 0.5 } },
    { rank: 9, targets: ["q_proj", "v_proj", "down_proj"], steps },
    { rank: 2, steps: 5 },
    { rank: 3, steps: 7, batchSize: 2 },
  ]);
}

describe.each([
  { devices: "cpu:0", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 2 },
])("jobs over time on $pipelines pipelines of $devices", ({ devices, pipelines }) => {
  it("are preempted, moved, resumed, and train the bytes that each trains alone", async () => {
    const given = fleetCase();
    const { ended, decisions, taken } = await runFleet(given, {
      ...{ devices, pipelines, policy: "mlora", most: 1, first: [0, 1] },
      at: {
        3: ({ submit }) => submit(2, 5),
        6: ({ submit }) => submit(3, 9),
      },
    });
    expect(decisions.slice(0, 1)).toEqual(["start first"]);
    expect(decisions.filter((each) => each.startsWith("preempt")).length).toBe(taken);
    expect(taken).toBeGreaterThan(0);
    expect(decisions.some((each) => each.startsWith("resume"))).toBe(true);
    for (const index of [0, 1, 2, 3]) expect(adapterBytes(ended.get(index)!)).toBe(await alone(given, index));
  });

  it("are paused, stopped and given another priority, while others train on", async () => {
    const given = fleetCase();
    const { ended, decisions, stopped } = await runFleet(given, {
      ...{ devices, pipelines, policy: "priority", most: 1, first: [0, 1, 3] },
      at: {
        2: ({ execution }) => expect(execution.ask({ kind: "pause", number: 0 })).toBe(true),
        5: ({ execution }) => execution.ask({ kind: "priority", number: 2, priority: 4 }),
        8: ({ execution }) => execution.ask({ kind: "stop", number: 1, by: "user", why: "cancelled" }),
        9: ({ execution }) => execution.ask({ kind: "unpause", number: 0 }),
      },
    });
    expect(decisions).toContain("preempt first");
    expect(decisions).toContain("stop second");
    expect(stopped).toEqual([1]);
    expect([...ended.keys()].sort()).toEqual([0, 3]);
    for (const index of [0, 3]) expect(adapterBytes(ended.get(index)!)).toBe(await alone(given, index));
  });
});
