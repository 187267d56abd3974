// A rank of a measured run over several machines: rank 0 trains a plan and prints what it took as JSON, the others serve it.
import { setTimeout as sleep } from "node:timers/promises";
import { sum } from "../../core/index.ts";
import { endRanks, executeProbed, joinMpi, RankedHost, serveRank } from "../../exec/index.ts";
import type { Plan, ResolvedDevice, ResolvedLink } from "../../plan/index.ts";
import { replay } from "../../sim/index.ts";
import { runMetrics, type Trace } from "../../traces/index.ts";
import { benchModel, inputOf } from "../train.ts";
import { benchPlan, type PlanShape } from "../workload.ts";
import { idleAtHandSeconds } from "./idle-at-hand.ts";

/** A plan for so many machines of one core each. */
export interface RankRequest {
  readonly shape: Omit<PlanShape, "devices">;
  readonly machines: number;
  /** Seconds for which the ranks wait before that, and count what that takes of their cores. */
  readonly idleSeconds: number;
}

export interface RankResult {
  readonly executedSeconds: number;
  /** With the times of the run's actions, and messages as the network is said to be. */
  readonly simulatedSeconds: number;
  /** The same with messages that take no time. */
  readonly withoutMessagesSeconds: number;
  /** Of all messages together. */
  readonly messageSeconds: number;
  /** For which devices stood idle with something to do (`idle-at-hand.ts`). */
  readonly idleAtHandSeconds: number;
  /** Share of a core that rank 0 took while it waited. */
  readonly waitingShare: number;
  /** Seconds by which the clocks of the others may be wrong. */
  readonly clockErrorSeconds: number;
}

function devicesOf(machines: number): readonly ResolvedDevice[] {
  return Array.from({ length: machines }, (_, m) => ({
    name: `m${m}.cpu:0`,
    machine: `m${m}`,
    kind: "cpu",
    type: "cpu",
    threads: 1,
    memoryBytes: null,
    peakFlopsPerSecond: null,
    memoryBytesPerSecond: null,
  }));
}

function resultOf(plan: Plan, executed: Trace): Omit<RankResult, "waitingShare"> {
  const seconds = (trace: Trace): number => runMetrics(plan, trace).makespanSeconds;
  const simulated = (bytesPerSecond: (link: ResolvedLink) => number | null): number =>
    seconds(
      replay({
        plan,
        planHash: plan.hash,
        executed,
        links: {
          linkCost: (link) => ({ latencySeconds: link.latencySeconds, bytesPerSecond: bytesPerSecond(link) }),
        },
      }),
    );
  const received = executed.events.filter(({ stream }) => stream === "receive");
  const clocks = executed.machine?.clocks ?? [];
  return {
    executedSeconds: seconds(executed),
    simulatedSeconds: simulated((link) => link.bandwidthBytesPerSecond),
    withoutMessagesSeconds: simulated(() => null),
    messageSeconds: sum(received.map(({ durationNs }) => durationNs)) / 1e9,
    idleAtHandSeconds: idleAtHandSeconds(plan, executed),
    clockErrorSeconds: Math.max(0, ...clocks.map(({ errorSeconds }) => errorSeconds)),
  };
}

const request = JSON.parse(process.argv[2]!) as RankRequest;
const plan = benchPlan({ ...request.shape, devices: devicesOf(request.machines) });
const model = { ...benchModel(plan.model.architecture), folder: "random", digest: "random" };
const version = "bench";
const world = joinMpi(20);
if (world.rank > 0) await serveRank({ world, version, versions: {}, openModel: () => model });
else {
  const before = process.cpuUsage();
  await sleep(1000 * request.idleSeconds);
  const { user, system } = process.cpuUsage(before);
  const host = new RankedHost({ world, version, versions: {}, model });
  const { trace } = await executeProbed({ ...inputOf(plan, model), host });
  await endRanks(world);
  const waitingShare = request.idleSeconds === 0 ? 0 : (user + system) / 1e6 / request.idleSeconds;
  process.stdout.write(JSON.stringify({ ...resultOf(plan, trace), waitingShare } satisfies RankResult));
}
