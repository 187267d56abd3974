import { maximum } from "../../core/index.ts";
import { runTasks, type Task, type TaskFlow } from "../tasks/run-tasks.ts";
import { linkRates, type Path, type Topology } from "./topology.ts";

export type Collective = "all-gather" | "reduce-scatter" | "all-reduce";
export type Algorithm = "ring" | "tree";

/** What a collective does to its streams: host and latency time of its rounds, and the bytes that move meanwhile. */
export type CollectiveCost = Pick<Task, "seconds" | "flows">;

function roundSeconds(paths: readonly Path[]): number {
  return maximum([0, ...paths.map(({ latencySeconds, messageSeconds }) => latencySeconds + messageSeconds)]);
}

/**
 * A ring: in each of n - 1 rounds every rank sends 1/n of the bytes to the next one; an all-reduce is a reduce-scatter
 * and an all-gather (Patarasu and Yuan 2009). The rounds follow each other without a pause, so that each rank's bytes
 * are one flow.
 */
function ring(topology: Topology, ranks: readonly number[], bytes: number, collective: Collective): CollectiveCost {
  const rounds = (ranks.length - 1) * (collective === "all-reduce" ? 2 : 1);
  const paths = ranks.map((rank, index) => topology.path(rank, ranks[(index + 1) % ranks.length]!));
  const flows = paths.map(({ route }): TaskFlow => ({ route, bytes: (rounds * bytes) / ranks.length }));
  return { seconds: rounds * roundSeconds(paths), flows };
}

/**
 * A binary tree in pipelined pieces: every rank but the first sends all bytes to its parent and gets all bytes from it,
 * both at once; few rounds, but inner ranks have three neighbours. Half of it is a reduction or a broadcast, which a
 * gather is not.
 */
function tree(topology: Topology, ranks: readonly number[], bytes: number): CollectiveCost {
  const paths = ranks.slice(1).flatMap((rank, index) => {
    const parent = ranks[Math.floor(index / 2)]!;
    return [topology.path(rank, parent), topology.path(parent, rank)];
  });
  const depth = Math.ceil(Math.log2(ranks.length + 1)) - 1;
  return { seconds: 2 * depth * roundSeconds(paths), flows: paths.map(({ route }) => ({ route, bytes })) };
}

/**
 * `bytes` is the whole buffer: what each rank has after an all-gather, or before a reduce-scatter. Trees only
 * all-reduce.
 */
export function collectiveCost(
  topology: Topology,
  ranks: readonly number[],
  bytes: number,
  collective: Collective,
  algorithm: Algorithm,
): CollectiveCost {
  if (ranks.length < 2) return { seconds: 0, flows: [] };
  return algorithm === "tree" && collective === "all-reduce"
    ? tree(topology, ranks, bytes)
    : ring(topology, ranks, bytes, collective);
}

/** A collective with the algorithm that is faster with the rest of the links idle, and its seconds so. */
export function fastestCollective(
  topology: Topology,
  ranks: readonly number[],
  bytes: number,
  collective: Collective,
): { readonly cost: CollectiveCost; readonly seconds: number } {
  const algorithms: readonly Algorithm[] = collective === "all-reduce" ? ["ring", "tree"] : ["ring"];
  const candidates = algorithms.map((algorithm) => {
    const cost = collectiveCost(topology, ranks, bytes, collective, algorithm);
    const task = { name: collective, streams: [0], after: [], ...cost };
    const seconds = runTasks({ tasks: [task], orders: [[0]] }, linkRates(topology)).makespanNs / 1e9;
    return { cost, seconds };
  });
  return candidates.reduce((best, other) => (other.seconds < best.seconds ? other : best));
}

/** Seconds of a collective alone on the machines, with the faster algorithm. */
export function collectiveSeconds(
  topology: Topology,
  ranks: readonly number[],
  bytes: number,
  collective: Collective,
): number {
  return fastestCollective(topology, ranks, bytes, collective).seconds;
}
