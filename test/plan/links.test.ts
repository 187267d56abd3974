import { describe, expect, it } from "vitest";
import { type Cluster, clusterSchema } from "../../plan/index.ts";
import { resolveDevices, resolveLinks } from "../../plan/resolve-cluster.ts";

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
