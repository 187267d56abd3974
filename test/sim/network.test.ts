import { describe, expect, it } from "vitest";
import { PlanError } from "../../core/index.ts";
import { dependencyTable, type PlanBody, planOrders, type ResolvedLink } from "../../plan/index.ts";
import { checkRunsThrough } from "../../plan/validate/validate-buffers.ts";
import { simulate } from "../../sim/index.ts";
import { roomyPipeline } from "../plan/hand-work.ts";
import { type SmallPlan, smallPlan } from "./small-plan.ts";
import { secondsPerToken, timeline } from "./virtual-time.ts";

/** A small plan with each stage on the machine of its letter. */
function onMachines(machines: string, small: SmallPlan): PlanBody {
  const plan = smallPlan(small);
  return { ...plan, devices: plan.devices.map((device, stage) => ({ ...device, machine: machines[stage]! })) };
}

function run(plan: PlanBody) {
  return simulate({ plan, planHash: "sha256:1", costModel: secondsPerToken() });
}

describe("a link of half duplex", () => {
  // 4 B a token. 0F1 (16 B) starts at 5 and 1B0 (4 B) at 6.
  const small = {
    orders: ["F0 F1 B0 B1", "F0 B0 F1 B1"],
    microBatches: [{ tokens: 1 }, { tokens: 4, part: 1 }],
  };
  const links = (duplex?: "half"): readonly Partial<ResolvedLink>[] => [
    { bandwidthBytesPerSecond: 2, ...(duplex && { duplex }) },
  ];

  it.each(["aa", "ab"])("gives both directions half of its rate while both are in use: machines %s", (machines) => {
    const full = run(onMachines(machines, { ...small, links: links() }));
    expect(timeline(full, 0, "send", true)).toBe("F0@1-3 F1@5-13");
    expect(timeline(full, 0, "receive", true)).toBe("B0@6-8 B1@25-33");
    const half = run(onMachines(machines, { ...small, links: links("half") }));
    // 14 B and 4 B share 2 B/s from 6 on; the last 10 B go alone from 10 on.
    expect(timeline(half, 0, "send", true)).toBe("F0@1-3 F1@5-15");
    expect(timeline(half, 0, "receive", true)).toBe("B0@6-10 B1@27-35");
  });

  it("holds the compute streams for longer where its transfers block", () => {
    const blocking = { bandwidthBytesPerSecond: 2, transfers: "blocking" as const };
    const computed = (duplex: object) =>
      timeline(run(smallPlan({ ...small, links: [{ ...blocking, ...duplex }] })), 1, "compute");
    // 1B0 leaves at 6 and is alone until 0F1 starts at 7: it ends at 8, or at 9; then stage 1 takes 8 s to receive 0F1.
    expect(computed({})).toBe("F0@3 B0@4 F1@16 B1@20");
    expect(computed({ duplex: "half" })).toBe("F0@3 B0@4 F1@17 B1@21");
  });
});

/** Two pipelines of two stages each, with a link of each; 12 B leave both first stages at 3. */
function twoPipelines(machines: string, links: readonly [Partial<ResolvedLink>, Partial<ResolvedLink>]): PlanBody {
  const numbered = onMachines(machines, {
    orders: ["F0 B0 U0", "F0 B0 U0", "F1 B1 U1", "F1 B1 U1"],
    microBatches: [
      { tokens: 3, group: 0 },
      { tokens: 3, group: 1 },
    ],
  });
  const [first, , second] = numbered.links.map((link) => ({ ...link!, type: "network" }));
  return {
    ...numbered,
    links: [{ ...first!, ...links[0] }, null, { ...second!, ...links[1] }],
    pipelines: [roomyPipeline(0, 2), roomyPipeline(2, 4)],
    groups: numbered.groups.map((group, pipeline) => ({ ...group, pipeline })),
  };
}

describe("what goes from one machine to another", () => {
  const plan = (link: Partial<ResolvedLink>): PlanBody => {
    const own = { bandwidthBytesPerSecond: 4, ...link };
    return twoPipelines("abab", [own, own]);
  };

  it.each([
    ["links of their own", {}],
    ["half duplex", { duplex: "half" }],
    ["one network for all", { id: "network", shared: true }],
  ] as const)("goes first in, first out, whatever stages it is for: %s", (_, link) => {
    const trace = run(plan(link));
    expect(timeline(trace, 1, "receive", true)).toBe("F0@3-6");
    expect(timeline(trace, 3, "receive", true)).toBe("F1@3-9");
    expect(timeline(trace, 1, "compute")).toBe("F0@6 B0@9 U0@15");
    expect(timeline(trace, 3, "compute")).toBe("F1@9 B1@12 U1@18");
  });
});

describe("the port of a machine that exchanges messages with several", () => {
  // Both pipelines begin on machine a, and each ends on its own.
  const plan = ([first, second]: readonly [number, number]): PlanBody =>
    twoPipelines("abac", [{ bandwidthBytesPerSecond: first }, { bandwidthBytesPerSecond: second }]);

  it("is shared by what goes to them at the same time", () => {
    const trace = run(plan([4, 4]));
    expect(timeline(trace, 1, "receive", true)).toBe("F0@3-9");
    expect(timeline(trace, 3, "receive", true)).toBe("F1@3-9");
  });

  it("leaves to one what another is too slow to take", () => {
    const trace = run(plan([4, 1]));
    expect(timeline(trace, 1, "receive", true)).toBe("F0@3-7");
    expect(timeline(trace, 3, "receive", true)).toBe("F1@3-15");
  });

  // 4 B a token, 2 B/s: while stage 1 sends its activations to stage 2 its gradients to stage 0 are under way as well.
  it("has messages up and down a pipeline beside each other", () => {
    const small = {
      orders: ["F0 F1 B0 B1", "F0 F1 B0 B1", "F0 B0 F1 B1"],
      microBatches: [{ tokens: 1 }, { tokens: 4, part: 1 }],
    };
    const link = { type: "network", bandwidthBytesPerSecond: 2 };
    const trace = run(onMachines("abc", { ...small, links: [link, link] }));
    expect(timeline(trace, 1, "send", true)).toBe("F0@4-6 F1@19-29 B0@21-25 B1@57-65");
    // On one machine a device has one stream for both.
    const near = run(smallPlan({ ...small, links: [link, link] }));
    expect(timeline(near, 1, "send", true)).toBe("F0@4-6 F1@17-25 B0@25-27 B1@53-61");
  });
});

describe("a link whose sender waits for the arrival", () => {
  const small = { orders: ["F0 F1 B0 B1", "F0 B0 F1 B1"], microBatches: [{ tokens: 1 }, { tokens: 4, part: 1 }] };
  const plan = (machines: string, transfers?: "synchronous"): PlanBody =>
    onMachines(machines, {
      ...small,
      links: [{ bandwidthBytesPerSecond: 2, latencySeconds: 1, ...(transfers && { transfers }) }],
    });

  it("holds its sender, and no receiver", () => {
    const overlapped = run(plan("aa"));
    expect(timeline(overlapped, 0, "compute")).toBe("F0@0 F1@1 B0@10 B1@35");
    expect(timeline(overlapped, 1, "compute")).toBe("F0@4 B0@5 F1@14 B1@18");
    const held = run(plan("aa", "synchronous"));
    expect(timeline(held, 0, "compute")).toBe("F0@0 F1@4 B0@17 B1@38");
    expect(timeline(held, 1, "compute")).toBe("F0@4 B0@5 F1@17 B1@21");
  });

  it("holds it until it hears of that: between machines by a message of 16 B behind others", () => {
    const held = run(plan("ab", "synchronous"));
    expect(timeline(held, 0, "compute")).toBe("F0@0 F1@13 B0@41 B1@53");
  });

  it("can hold both sides for good where they have one buffer each, which nothing else does", () => {
    const orders = ["F0 F1 F2 F3 B0 B1 B2 B3", "F0 B0 F1 B1 F2 B2 F3 B3"];
    const microBatches = [0, 1, 2, 3].map((part) => ({ tokens: 1, part }));
    const one = { activationIn: 1, gradientIn: 1, activationOut: 1, gradientOut: 1 };
    const made = (transfers: object, buffers: object): PlanBody =>
      smallPlan({ orders, microBatches, links: [transfers], buffers });
    const isLive = (body: PlanBody): void => {
      checkRunsThrough(planOrders(body), dependencyTable(body), body);
      run(body);
    };
    isLive(made({}, one));
    isLive(made({ transfers: "synchronous" }, { ...one, gradientIn: 4 }));
    const stuck = made({ transfers: "synchronous" }, one);
    expect(() => run(stuck)).toThrow(PlanError);
    expect(() => checkRunsThrough(planOrders(stuck), dependencyTable(stuck), stuck)).toThrow(
      /Expected an incoming buffer for what stage 0 sent before 0B0/,
    );
  });
});

describe("gradient norms", () => {
  const step = { microBatches: [{ tokens: 1 }], maxGradNorm: 1 };

  it("take no time within a machine, and a message's between machines", () => {
    const links = [{ bandwidthBytesPerSecond: 4, latencySeconds: 1 }];
    const small = { ...step, orders: ["F0 B0 U0", "F0 B0 U0"], links };
    expect(timeline(run(onMachines("aa", small)), 1, "compute")).toBe("F0@3 B0@4 U0@10");
    const apart = run(onMachines("ab", small));
    // Those of stage 1 (8 B) follow its gradient and are there at 10, when stage 0 has ended; those of stage 0 leave then.
    expect(timeline(apart, 0, "compute", true)).toBe("F0@0-1 B0@8-10 U0@10-10");
    expect(timeline(apart, 1, "compute")).toBe("F0@3 B0@4 U0@13");
  });

  it("are not waited for by jobs that do not clip", () => {
    const { maxGradNorm: _, ...unclipped } = step;
    const small = { ...unclipped, orders: ["F0 B0 U0", "F0 B0 U0"], links: [{ latencySeconds: 5 }] };
    expect(timeline(run(onMachines("ab", small)), 1, "compute")).toBe("F0@6 B0@7 U0@9");
  });

  it("go straight to machines that are no neighbours, and not to the stages that are there already", () => {
    const small = {
      ...step,
      orders: ["F0 B0 U0", "F0 B0 U0", "F0 B0 U0"],
      links: [{ latencySeconds: 1 }, { latencySeconds: 1 }],
    };
    // F 0..1, 2..3, 4..5; B 5..7, 8..10, 11..13.
    const updates = (machines: string) =>
      [0, 1, 2].map((stage) => timeline(run(onMachines(machines, small)), stage, "compute").split("U0@")[1]);
    expect(updates("abc")).toEqual(["13", "14", "14"]);
    expect(updates("aba")).toEqual(["13", "14", "13"]);
    expect(updates("aab")).toEqual(["13", "13", "14"]);
  });

  it.each([{}, { duplex: "half" }, { id: "network", shared: true }] as const)(
    "wait behind a large message to the same machine: %j",
    (link) => {
      const trace = run(
        onMachines("ab", {
          orders: ["F0 F1 B0 U0 B1 U1", "F0 B0 U0 F1 B1 U1"],
          microBatches: [
            { tokens: 1, group: 0 },
            { tokens: 10, group: 1 },
          ],
          maxGradNorm: 1,
          links: [{ bandwidthBytesPerSecond: 4, ...link }],
        }),
      );
      // 0F1 is on the wire 11..21; 0B0 ends at 13, and its 8 B are there at 23.
      expect(timeline(trace, 0, "compute")).toBe("F0@0 F1@1 B0@11 U0@13 B1@63 U1@83");
      expect(timeline(trace, 1, "compute")).toBe("F0@2 B0@3 U0@23 F1@23 B1@33 U1@85");
    },
  );
});

describe("messages that are rounded to bfloat16 for the transfer", () => {
  it.each(["overlapped", "blocking"] as const)(
    "have half the bytes on the wire, both ways, and in the trace: %s",
    (transfers) => {
      const manner = transfers === "blocking" ? { transfers } : {};
      const links: Partial<ResolvedLink>[] = [
        { bandwidthBytesPerSecond: 2, transferDtype: "bfloat16", ...manner },
        { bandwidthBytesPerSecond: 2, ...manner },
      ];
      const trace = run(smallPlan({ orders: ["F0 B0", "F0 B0", "F0 B0"], microBatches: [{ tokens: 2 }], links }));
      expect(timeline(trace, 0, "send", true)).toBe("F0@2-4");
      expect(timeline(trace, 1, "send", true)).toBe("F0@6-10 B0@24-26");
      expect(timeline(trace, 2, "send", true)).toBe("B0@16-20");
      const bytes = (stage: number) =>
        trace.events.filter((event) => event.stream === "send" && event.stage === stage).map((event) => event.bytes);
      expect([0, 1, 2].map(bytes)).toEqual([[4], [8, 4], [8]]);
    },
  );
});
