import type { BaseModel } from "../../../exec/index.ts";
import { endRanks } from "../../../exec/ranks/end-ranks.ts";
import { RankedHost } from "../../../exec/ranks/ranked-host.ts";
import { serveRank } from "../../../exec/ranks/serve-rank.ts";
import { createLocalWorlds } from "../../../native/index.ts";
import type { Cluster } from "../../../plan/documents/cluster.ts";
import { runSmall, type SmallCase, type SmallResult, type SmallRun } from "../small-run.ts";

/** So many devices on each machine; CPU devices have one thread, and each GPU is another one. */
export function machines(sizes: readonly number[], type: "cpu" | "cuda" = "cpu"): Cluster {
  const figures =
    type === "cpu"
      ? { type, threads: 1 }
      : { memoryBytes: 2 ** 30, peakFlopsPerSecond: { float32: 1e12 }, memoryBytesPerSecond: 1e11 };
  const before = (m: number): number => sizes.slice(0, m).reduce((sum, size) => sum + size, 0);
  const numbered = (m: number, d: number): number => (type === "cpu" ? d : before(m) + d);
  return {
    kind: "cluster",
    version: 1,
    machines: sizes.map((size, m) => ({
      name: `m${m}`,
      devices: Array.from({ length: size }, (_, d) => ({ name: `m${m}.${type}:${numbered(m, d)}`, ...figures })),
    })),
    network: { bandwidthBytesPerSecond: 1e9, latencySeconds: 0, shared: true, transfers: "overlapped", duplex: "full" },
  };
}

/** Ranks of this process that serve one of them. */
export interface LocalRanks {
  readonly host: RankedHost;
  /** When the run is over. Throws what a rank has thrown. */
  end(): Promise<void>;
}

const OWN_ISA = "avx512";

/** `isas`: what the others say that they are. `loaded`: what each of them has for the model. */
export function localRanks(
  base: BaseModel,
  numRanks: number,
  note?: (text: string) => void,
  isas: readonly string[] = Array.from({ length: numRanks - 1 }, () => OWN_ISA),
  loaded: readonly BaseModel[] = [],
): LocalRanks {
  const [first, ...others] = createLocalWorlds(numRanks);
  const model = { ...base, folder: "small", digest: "sha256:small" };
  const served = others.map((world, i) =>
    serveRank({
      world,
      version: "test",
      versions: { isa: isas[i]! },
      openModel: () => ({ ...model, ...loaded[i], digest: model.digest }),
    }).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  const host = new RankedHost({ world: first!, version: "test", versions: { isa: OWN_ISA }, model, note });
  return {
    host,
    async end() {
      await endRanks(first!);
      for (const error of await Promise.all(served)) if (error !== undefined) throw error;
    },
  };
}

/** A run whose machines are ranks of this process. */
export async function runOnRanks(
  given: SmallCase,
  run: SmallRun & { readonly devices: Cluster },
  note?: (text: string) => void,
): Promise<SmallResult> {
  const ranks = localRanks(given.model, run.devices.machines.length, note);
  const result = await runSmall(given, { ...run, hooks: { ...run.hooks, host: ranks.host } });
  await ranks.end();
  return result;
}
