import { describe, expect, it } from "vitest";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import {
  type Cluster,
  clusterSchema,
  createCostModel,
  edgeDtypes,
  layoutOfStage,
  messageBytes,
  type PlanBody,
  sentBytesPerToken,
  stageOperators,
  stageShapes,
} from "../../plan/index.ts";
import { measuredUnit } from "../calibration/measured-unit.ts";
import { smallPlan } from "../sim/small-plan.ts";

const catalog = { kind: "catalog", version: 1, devices: {}, links: {} } as const;

/** Links of machine a with two devices, machine b with one, and the network between. */
function linksOf({ link = {}, network = {} }: { readonly link?: object; readonly network?: object }) {
  const device = (name: string) => ({ name, type: "unit" });
  const cluster: Cluster = clusterSchema.parse({
    kind: "cluster",
    version: 1,
    machines: [
      { name: "a", devices: [device("a0"), device("a1")], link },
      { name: "b", devices: [device("b0")] },
    ],
    network: { bandwidthBytesPerSecond: 1e9, ...network },
  });
  const devices = resolveDevices(cluster, catalog, { memoryBytes: 1, cores: () => 1 });
  return resolveLinks(cluster, devices, catalog);
}

describe("what a cluster file says of both directions of a link", () => {
  it("stands in the plan for half duplex, of a machine's links and of the network apart", () => {
    const [inside, network] = linksOf({ link: { duplex: "half" }, network: { shared: false } });
    expect(inside).toEqual({
      id: "a0-a1",
      type: "unit",
      shared: false,
      bandwidthBytesPerSecond: null,
      latencySeconds: 0,
      duplex: "half",
    });
    expect(network).not.toHaveProperty("duplex");
    expect(linksOf({ network: { shared: false, duplex: "half" } }).map(({ duplex }) => duplex)).toEqual([
      undefined,
      "half",
    ]);
  });

  it("leaves the plan as it is without the word: for full duplex, and where a link is one for all directions", () => {
    expect(linksOf({ link: { duplex: "full" }, network: { duplex: "full", shared: false } })).toEqual(
      linksOf({ network: { shared: false } }),
    );
    expect(linksOf({ link: { duplex: "half", shared: true }, network: { duplex: "half" } })).toEqual(
      linksOf({ link: { shared: true } }),
    );
  });
});

describe("what a cluster file says of the type of messages", () => {
  it("stands in the plan, of a machine's links and of the network apart", () => {
    const rounded = { transferDtype: "bfloat16" };
    expect(linksOf({ link: rounded }).map(({ transferDtype }) => transferDtype)).toEqual(["bfloat16", undefined]);
    expect(linksOf({ network: rounded }).map(({ transferDtype }) => transferDtype)).toEqual([undefined, "bfloat16"]);
    for (const link of linksOf({})) expect(link).not.toHaveProperty("transferDtype");
  });

  const one = smallPlan({
    orders: ["F0 B0", "F0 B0", "F0 B0"],
    microBatches: [{ tokens: 100 }],
    links: [{ transferDtype: "bfloat16" }, {}],
  });

  it("halves the bytes of messages over that boundary, both ways, and of their buffers", () => {
    const bytes = messageBytes(one);
    expect([bytes(0, 0), bytes(1, 0)]).toEqual([200, 400]);
    expect([0, 1, 2].map((stage) => sentBytesPerToken(one, stage))).toEqual([
      { F: 2, B: 4, U: 0 },
      { F: 4, B: 2, U: 0 },
      { F: 4, B: 4, U: 0 },
    ]);
    // Of room for 4096 tokens.
    expect([0, 1, 2].map((stage) => layoutOfStage(one, stage).messageBytes)).toEqual([
      { before: 16384, after: 8192 },
      { before: 8192, after: 16384 },
      { before: 16384, after: 16384 },
    ]);
  });

  it("leaves messages of a bfloat16 model as they are", () => {
    const bytes = messageBytes({ ...one, model: { ...one.model, dtype: "bfloat16" } });
    expect([bytes(0, 0), bytes(1, 0)]).toEqual([200, 200]);
  });

  it("adds to a stage the conversion of what it sends up and of what comes back, and nothing to the next one", () => {
    const copies = (links: PlanBody["links"], letter: "F" | "B") =>
      stageShapes({ ...one, links }).map((shape) => {
        const calls = stageOperators(shape, letter, one.microBatches[0]!).filter(({ name }) => name.startsWith("copy"));
        return calls.reduce((total, call) => total + call.calls, 0);
      });
    const wide = one.links.map((link) => ({ ...link!, transferDtype: undefined }));
    expect(copies(wide, "F")).toEqual([0, 1, 1]);
    expect(copies(wide, "B")).toEqual([0, 0, 0]);
    expect(copies(one.links, "F")).toEqual([1, 1, 1]);
    expect(copies(one.links, "B")).toEqual([1, 0, 0]);
  });

  it("is predicted by a calibration that has not seen it: a backward's conversion takes a forward's copy", () => {
    const costModel = createCostModel(measuredUnit(), "float32");
    const wide = { ...one, links: one.links.map((link) => ({ ...link!, transferDtype: undefined })) };
    const seconds = (plan: PlanBody, letter: "F" | "B") =>
      costModel.actionSeconds({
        letter,
        device: plan.devices[0]!,
        shape: stageShapes(plan)[0]!,
        microBatch: plan.microBatches[0]!,
        updatedJobs: [],
      });
    // Each call of an operator takes a second.
    expect(seconds(one, "F") - seconds(wide, "F")).toBe(1);
    expect(seconds(one, "B") - seconds(wide, "B")).toBe(1);
    const same = (plan: PlanBody) => costModel.sameCosts!(plan.stages[0]!, plan.devices[0]!, edgeDtypes(plan, 0));
    expect(same(one)).not.toBe(same(wide));
  });
});
