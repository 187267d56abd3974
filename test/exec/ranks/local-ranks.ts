import { endRanks } from "../../../exec/ranks/end-ranks.ts";
import { RankedHost } from "../../../exec/ranks/ranked-host.ts";
import { serveRank } from "../../../exec/ranks/serve-rank.ts";
import { createLocalWorlds } from "../../../native/index.ts";
import type { Cluster } from "../../../plan/documents/cluster.ts";
import { runSmall, type SmallCase, type SmallResult, type SmallRun } from "../small-run.ts";

/** So many CPU devices on each machine, of one thread. */
export function machines(...sizes: readonly number[]): Cluster {
  return {
    kind: "cluster",
    version: 1,
    machines: sizes.map((size, m) => ({
      name: `m${m}`,
      devices: Array.from({ length: size }, (_, d) => ({ name: `m${m}d${d}`, type: "cpu", threads: 1 })),
    })),
    network: { bandwidthBytesPerSecond: 1e9, latencySeconds: 0, shared: true, transfers: "overlapped" },
  };
}

/** A run whose machines are ranks of this process. */
export async function runOnRanks(
  given: SmallCase,
  run: SmallRun & { readonly devices: Cluster },
): Promise<SmallResult> {
  const [first, ...others] = createLocalWorlds(run.devices.machines.length);
  const model = { ...given.model, folder: "small", digest: "sha256:small" };
  const served = others.map((world) =>
    serveRank({ world, version: "test", versions: {}, openModel: () => model }).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  const host = new RankedHost({ world: first!, version: "test", model });
  const result = await runSmall(given, { ...run, hooks: { ...run.hooks, host } });
  await endRanks(first!);
  for (const error of await Promise.all(served)) if (error !== undefined) throw error;
  return result;
}
