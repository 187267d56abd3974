import { describe, expect, it } from "vitest";
import { canonicalJson, PlanError } from "../../core/index.ts";
import { simulate } from "../../sim/index.ts";
import { type SmallPlan, smallPlan } from "./small-plan.ts";
import { makespanSeconds, secondsPerToken, timeline } from "./virtual-time.ts";

function run(small: SmallPlan, update = 0) {
  return simulate({ plan: smallPlan(small), planHash: "sha256:1", costModel: secondsPerToken(update) });
}

const twoLoads = [{ tokens: 4 }, { tokens: 1, part: 1 }];
const oneFOneB = ["F0 F1 B0 B1", "F0 B0 F1 B1"];

describe("compute", () => {
  it("takes 26 for two stages, 1F1B, and micro-batches of loads 4 and 1: no two backwards of a stage overlap", () => {
    const trace = run({ orders: oneFOneB, microBatches: twoLoads });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-4 F1@4-5 B0@16-24 B1@24-26");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@4-8 B0@8-16 F1@16-17 B1@17-19");
    expect(makespanSeconds(trace)).toBe(26);
  });

  it("lets devices of one machine slow each other while both work, and only then", () => {
    const plan = smallPlan({ orders: oneFOneB, microBatches: twoLoads });
    const contention = { devices: 2, alone: { F: 0.5, B: 0.5, U: 0.5 } };
    const costModel = { ...secondsPerToken(0), contention };
    const shared = simulate({ plan, planHash: "", costModel });
    expect(timeline(shared, 0, "compute", true)).toBe("F0@0-2 F1@2-3 B0@8.5-14 B1@14-15");
    expect(timeline(shared, 1, "compute", true)).toBe("F0@2-4.5 B0@4.5-8.5 F1@8.5-9.5 B1@9.5-11.5");
    const devices = plan.devices.map((device, index) => ({ ...device, machine: `machine${index}` }));
    expect(makespanSeconds(simulate({ plan: { ...plan, devices }, planHash: "", costModel }))).toBe(13);
  });

  it("is the same with and without contention where an action alone takes as long as beside others", () => {
    const plan = smallPlan({ orders: oneFOneB, microBatches: twoLoads });
    const contention = { devices: 2, alone: { F: 1, B: 1, U: 1 } };
    const costModel = secondsPerToken(0);
    expect(simulate({ plan, planHash: "", costModel: { ...costModel, contention } })).toEqual(
      simulate({ plan, planHash: "", costModel }),
    );
  });

  it("leaves a gap between two actions of a device, which waiting for a message hides", () => {
    const plan = smallPlan({ orders: oneFOneB, microBatches: twoLoads });
    const trace = simulate({ plan, planHash: "", costModel: { ...secondsPerToken(0), gapSeconds: 0.5 } });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-4 F1@4.5-5.5 B0@16.5-24.5 B1@25-27");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@4-8 B0@8.5-16.5 F1@17-18 B1@18.5-20.5");
    expect(makespanSeconds(trace)).toBe(27);
  });

  it("runs the plan's order even where another would be faster", () => {
    const trace = run({ orders: ["F1 F0", "F1 F0"], microBatches: twoLoads });
    expect(timeline(trace, 1, "compute", true)).toBe("F1@1-2 F0@5-9");
  });

  it("starts a group's next mini-batch on stage 0 only after the last backward there", () => {
    const microBatches = [{ tokens: 1 }, { tokens: 1, step: 1 }];
    const trace = run({ orders: ["F0 B0 U0 F1 B1 U1", "F0 B0 U0 F1 B1 U1"], microBatches }, 0.5);
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-1 B0@4-6 U0@6-6.5 F1@6.5-7.5 B1@10.5-12.5 U1@12.5-13");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@1-2 B0@2-4 U0@4-4.5 F1@7.5-8.5 B1@8.5-10.5 U1@10.5-11");
  });

  it("holds the update of a job that clips until stage 0 has run the last backward", () => {
    const trace = run({ orders: ["F0 B0 U0", "F0 B0 U0"], microBatches: [{ tokens: 1 }], maxGradNorm: 1 }, 0.5);
    expect(timeline(trace, 1, "compute", true)).toBe("F0@1-2 B0@2-4 U0@6-6.5");
  });

  it("asks the cost model once for each stage, letter and shape", () => {
    const plan = smallPlan({
      orders: ["F0 F1 F2 B0 B1 B2"],
      microBatches: [{ tokens: 3 }, { tokens: 5, part: 1 }, { tokens: 3, part: 2 }],
    });
    const model = secondsPerToken();
    let asked = 0;
    const costModel = {
      ...model,
      actionSeconds: (action: Parameters<typeof model.actionSeconds>[0]) => {
        asked += 1;
        return model.actionSeconds(action);
      },
    };
    expect(makespanSeconds(simulate({ plan, planHash: "", costModel }))).toBe(33);
    expect(asked).toBe(4);
  });
});

describe("transfers", () => {
  it("take latency and bytes over bandwidth, and block no compute", () => {
    // 4 B a token: micro-batch 0 has 16 B, 8 s on the wire; micro-batch 1 has 4 B, 2 s. Latency 1 s.
    const links = [{ bandwidthBytesPerSecond: 2, latencySeconds: 1 }];
    const trace = run({ orders: ["F0 F1", "F0 F1"], microBatches: twoLoads, links });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-4 F1@4-5");
    // The wire is free for micro-batch 1 at 12, a second before 0 has arrived.
    expect(timeline(trace, 0, "send", true)).toBe("F0@4-13 F1@13-15");
    expect(timeline(trace, 1, "receive", true)).toBe("F0@4-13 F1@13-15");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@13-17 F1@17-18");
    expect(trace.events.filter((event) => event.stream === "send").map((event) => event.bytes)).toEqual([16, 4]);
  });

  it("pipeline their latency: with nothing but latency every message is that late", () => {
    const microBatches = [{ tokens: 1 }, { tokens: 1, part: 1 }, { tokens: 1, part: 2 }];
    const trace = run({ orders: ["F0 F1 F2", "F0 F1 F2"], microBatches, links: [{ latencySeconds: 5 }] });
    expect(timeline(trace, 1, "compute", true)).toBe("F0@6-7 F1@7-8 F2@8-9");
    expect(timeline(trace, 0, "send", true)).toBe("F0@1-6 F1@6-7 F2@7-8");
  });

  it("go both ways at once over a link that is not shared", () => {
    const small = { orders: ["F0 F1 B0 B1", "F0 B0 F1 B1"], microBatches: [{ tokens: 1 }, { tokens: 1, part: 1 }] };
    const trace = run({ ...small, links: [{ bandwidthBytesPerSecond: 2 }] });
    // F1 is on the wire 3..5 (2 s), B0 leaves stage 1 at 6.
    expect(timeline(trace, 1, "compute", true)).toBe("F0@3-4 B0@4-6 F1@6-7 B1@7-9");
    expect(timeline(trace, 0, "receive", true)).toBe("B0@6-8 B1@9-11");
  });

  it("split the rate of a shared link while they overlap", () => {
    // Three stages, both links are one medium of 4 B/s; a message is 4 B. 0F0 has it alone for 1..2; 0F1 starts at 2,
    // 1F0 runs 2..3 and its message starts at 3, when 0F1 has just gone: no overlap yet. Loads of 2 make one.
    const links = [
      { id: "bus", shared: true, bandwidthBytesPerSecond: 4 },
      { id: "bus", shared: true, bandwidthBytesPerSecond: 4 },
    ];
    const microBatches = [{ tokens: 1 }, { tokens: 2, part: 1 }];
    const trace = run({ orders: ["F0 F1", "F0 F1", "F0 F1"], microBatches, links });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-1 F1@1-3");
    // 0F0 1..2; 1F0 computes 2..3; at 3 the messages 0F1 (8 B) and 1F0 (4 B) start and have 2 B/s each: 1F0 ends at 5,
    // 0F1 has 4 B left and 4 B/s: 6.
    expect(timeline(trace, 0, "send", true)).toBe("F0@1-2 F1@3-6");
    expect(timeline(trace, 1, "send", true)).toBe("F0@3-5 F1@8-10");
  });

  it("do not share when the links have names of their own", () => {
    const links = [
      { shared: true, bandwidthBytesPerSecond: 4 },
      { shared: true, bandwidthBytesPerSecond: 4 },
    ];
    const microBatches = [{ tokens: 1 }, { tokens: 2, part: 1 }];
    const trace = run({ orders: ["F0 F1", "F0 F1", "F0 F1"], microBatches, links });
    expect(timeline(trace, 0, "send", true)).toBe("F0@1-2 F1@3-5");
  });
});

describe("buffers", () => {
  const microBatches = [0, 1, 2].map((part) => ({ tokens: 1, part }));
  const orders = ["F0 F1 F2", "F0 F1 F2"];

  it("hold a forward back until an outgoing buffer's transfer has ended", () => {
    const trace = run({ orders, microBatches, links: [{ bandwidthBytesPerSecond: 1 }], buffers: { activationOut: 1 } });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-1 F1@5-6 F2@10-11");
    expect(timeline(trace, 0, "send", true)).toBe("F0@1-5 F1@6-10 F2@11-15");
  });

  it("do not matter to a sender that waits for what it has sent, and that is all it waits for", () => {
    const links = [{ bandwidthBytesPerSecond: 1, transfers: "synchronous" as const }];
    const trace = run({ orders, microBatches, links });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-1 F1@5-6 F2@10-11");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@5-6 F1@10-11 F2@15-16");
  });

  it("hold a transfer back until the receiver has finished with an incoming buffer", () => {
    const slow = [...microBatches];
    const trace = run({
      orders,
      microBatches: slow,
      links: [{ bandwidthBytesPerSecond: 4 }],
      buffers: { activationIn: 1 },
    });
    // Each message is 1 s on the wire and its buffer is held until the receiver's forward has ended.
    expect(timeline(trace, 0, "send", true)).toBe("F0@1-2 F1@3-4 F2@5-6");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@2-3 F1@4-5 F2@6-7");
  });

  it("let gradients pass activations that wait for a buffer", () => {
    // Stage 1 cannot send F1 to stage 2 (one buffer, held until 2F0 ends), but its gradient of 0 goes to stage 0.
    const trace = run({
      orders: ["F0 F1 B0", "F0 B0 F1", "F0 B0 F1"],
      microBatches: microBatches.slice(0, 2),
      buffers: { activationIn: 1 },
    });
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-1 F1@1-2 B0@7-9");
  });
});

describe("the memory counter", () => {
  it("rises at a forward's start, falls when the highest slot's backward ends, and peaks at the planned total", () => {
    const trace = run({ orders: ["F0 F1 B1 B0"], microBatches: [{ tokens: 1 }, { tokens: 1, part: 1 }] });
    expect(trace.counters.map(({ timeNs, value }) => [timeNs / 1e9, value])).toEqual([
      [0, 120],
      [1, 140],
      [4, 120],
      [6, 100],
    ]);
    expect(trace.counters.every(({ counter, device }) => counter === "memory" && device === 0)).toBe(true);
  });

  it("stays where a micro-batch leaves whose slot lies below another's", () => {
    const trace = run({ orders: ["F0 F1 B0 B1"], microBatches: [{ tokens: 1 }, { tokens: 1, part: 1 }] });
    expect(trace.counters.map(({ timeNs, value }) => [timeNs / 1e9, value])).toEqual([
      [0, 120],
      [1, 140],
      [6, 100],
    ]);
  });

  it("has no sample where one micro-batch leaves as the next comes", () => {
    const trace = run({ orders: ["F0 B0 F1 B1"], microBatches: [{ tokens: 1 }, { tokens: 1, part: 1 }] });
    expect(trace.counters.map(({ timeNs, value }) => [timeNs / 1e9, value])).toEqual([
      [0, 140],
      [6, 100],
    ]);
  });
});

describe("the trace", () => {
  it("says what was computed, for whom and from which plan", () => {
    const trace = run({ orders: ["F0 B0 U0", "F0 B0 U0"], microBatches: [{ tokens: 3 }] }, 1);
    expect(trace).toMatchObject({ source: "simulated", planHash: "sha256:1", devices: ["unit0", "unit1"] });
    const [forward] = trace.events.filter((event) => event.action === "0F0");
    expect(forward).toEqual({
      action: "0F0",
      device: 0,
      stream: "compute",
      startNs: 0,
      durationNs: 3e9,
      stage: 0,
      letter: "F",
      microBatch: 0,
      jobs: ["job0"],
      step: 0,
      part: 0,
      tokens: 3,
    });
    expect(trace.events.map(({ stream, action, device }) => `${device} ${stream} ${action}`)).toEqual([
      "0 receive 1B0",
      "0 compute 0F0",
      "0 compute 0B0",
      "0 compute 0U0",
      "0 send 0F0",
      "1 receive 0F0",
      "1 compute 1F0",
      "1 compute 1B0",
      "1 compute 1U0",
      "1 send 1B0",
    ]);
  });

  it("has the same bytes twice", () => {
    const links = [{ bandwidthBytesPerSecond: 3, latencySeconds: 0.1, shared: true }];
    const small = { orders: oneFOneB, microBatches: twoLoads, links };
    expect(canonicalJson(run(small))).toBe(canonicalJson(run(small)));
  });
});

describe("a plan that cannot go on", () => {
  function blocked(small: SmallPlan): string {
    try {
      run(small);
    } catch (error) {
      expect(error).toBeInstanceOf(PlanError);
      return (error as PlanError).message;
    }
    throw new Error("it ran");
  }

  it("is refused with each device's blocked action and what it waits for", () => {
    expect(blocked({ orders: ["F0 B0 F1 B1", "F0 F1 B0 B1"], microBatches: twoLoads })).toBe(
      [
        'Expected an order of actions that can all run at actions[0][1], got "0B0".',
        "",
        "device  ran  blocked  waits for",
        "unit0   1/4  0B0      the gradients of 1B0, which has not run",
        "unit1   1/4  1F1      the activations of 0F1, which has not run",
        "Hint: Each device waits for another one: the orders of neighbouring stages disagree, or a stage has too few buffers.",
      ].join("\n"),
    );
  });

  it("names the buffer that is missing, and who holds it", () => {
    const buffers = { activationOut: 1, activationIn: 1 };
    const text = blocked({
      orders: ["F0 F1 F2 F3 B0", "F0 B0 F1 F2 F3"],
      microBatches: [...twoLoads, { tokens: 1, part: 2 }, { tokens: 1, part: 3 }],
      buffers: { ...buffers, gradientOut: 0 },
    });
    expect(text).toContain("unit0   3/5  0F3      a free activationOut buffer (1 planned, held for stage 1 by 0F2)");
    expect(text).toContain("unit1   1/5  1B0      a free gradientOut buffer (0 planned)");
  });

  it("names the signal that never comes, and messages in the wrong order", () => {
    const text = blocked({ orders: ["F0 F1 B0", "F1 F0 B0"], microBatches: [{ tokens: 1 }, { tokens: 1, step: 1 }] });
    expect(text).toContain("0F1      the end of 0B0");
    expect(blocked({ orders: ["F0 F1", "F1 F0"], microBatches: twoLoads })).toContain(
      "1F1      the activations of 0F1, which come after those of 0F0",
    );
  });
});
