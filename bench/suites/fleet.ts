import { createRng, maximum, median, type Rng, sum } from "../../core/index.ts";
import { silent } from "../../files/context.ts";
import { packageFile } from "../../files/index.ts";
import {
  type CostModel,
  createCostModel,
  type FleetEvent,
  type FleetWork,
  fleetSetting,
  type Setting as PlanSetting,
  POLICIES,
  type PolicyName,
  Scheduler,
  workFacts,
} from "../../plan/index.ts";
import {
  type FleetMember,
  fleetModel,
  planAndPredict,
  type SimulatedFleet,
  simulatedJob,
  simulateFleet,
  worksOfPlan,
} from "../../sim/index.ts";
import { loadRequest } from "../../workbench/load/load-request.ts";
import type { Bench, Case, Suite } from "../suite.ts";
import { simulateTrace, traceFigures } from "../trace-alone.ts";

const JOBS = { full: 200, default: 200, quick: 60, tiny: 12 } as const;
const AT_ONCE = 4;
/** Of what the pipelines can do while they are never idle. */
const LOAD = 0.9;
/** Jobs whose loss goes nowhere, and the part of their iterations after which that shows. */
const HOPELESS = { share: 0.2, least: 0.1, most: 0.3 } as const;

interface Fleet {
  readonly setting: PlanSetting;
  readonly costs: CostModel;
  readonly members: readonly FleetMember[];
}

/** The pipelines of the example of jobs over time on four GPUs, and its jobs as kinds. */
async function exampleFleet(): Promise<Omit<Fleet, "members"> & { readonly kinds: readonly FleetWork[] }> {
  const { request } = await loadRequest(silent("."), packageFile("examples", "jobs-over-time.yaml"), {
    cluster: packageFile("examples", "gpu-cluster.yaml"),
    overTime: true,
    choices: { jobsAtOnce: AT_ONCE, groups: "unfused", schedule: "lorapp" },
  });
  const jobs = request.jobs.map((job) => ({ ...job, arrivalSeconds: 0 }));
  const { body } = planAndPredict({ ...request, jobs });
  return {
    setting: fleetSetting(body, { jobsAtOnce: AT_ONCE }),
    costs: createCostModel(body.calibration, body.model.dtype),
    kinds: worksOfPlan(body),
  };
}

function randomMember(rng: Rng, kinds: readonly FleetWork[], number: number): FleetMember {
  const kind = kinds[rng.nextInt(kinds.length)]!;
  const steps = Math.round(10 * 40 ** rng.nextFloat());
  const isHopeless = rng.nextFloat() < HOPELESS.share;
  const shown = HOPELESS.least + rng.nextFloat() * (HOPELESS.most - HOPELESS.least);
  return {
    work: { ...kind, job: { ...kind.job, name: `job${number}`, priority: rng.nextInt(3), steps } },
    arrival: { user: `user${rng.nextInt(4)}`, deadlineNs: null, arrivalNs: 0 },
    ...(isHopeless ? { stops: Math.max(1, Math.round(shown * steps)) } : {}),
  };
}

/** Jobs of the kinds that come at random, with room for deadlines of three times what they take in a busy fleet. */
async function randomFleet(count: number): Promise<Fleet> {
  const { setting, costs, kinds } = await exampleFleet();
  const rng = createRng("fleet");
  const all = Array.from({ length: count }, (_, number) => randomMember(rng, kinds, number));
  const busy = simulateFleet({ setting, costs, members: all, policy: "fifo", most: AT_ONCE });
  const busyNs = 1e9 * busy.metrics.makespanSeconds;
  const stepNs = (busyNs * AT_ONCE * setting.pipelines.length) / sum(all.map(({ work }) => work.job.steps));
  let atNs = 0;
  const members = all.map((member): FleetMember => {
    const { steps } = member.work.job;
    atNs -= (busyNs / count / LOAD) * Math.log(1 - rng.nextFloat());
    const arrivalNs = Math.round(atNs);
    const deadlineNs = Math.round(atNs + 3 * steps * stepNs);
    return { ...member, arrival: { ...member.arrival, arrivalNs, deadlineNs } };
  });
  return { setting, costs, members };
}

/** Tokens a second of the jobs that are worth their training. */
function usefulTokens({ members }: Fleet, { outcomes, metrics }: SimulatedFleet): number {
  const byName = new Map(members.map((member) => [member.work.job.name, member]));
  const useful = outcomes.map(({ name, endNs }) => {
    const { stops, work } = byName.get(name)!;
    if (stops !== undefined || endNs === undefined) return 0;
    return work.job.steps * workFacts(work).stepTokens;
  });
  return sum(useful) / metrics.makespanSeconds;
}

const withoutStops = ({ work, arrival }: FleetMember): FleetMember => ({ work, arrival });

function recordFleet(bench: Bench, fleet: Fleet, policy: PolicyName, stopping: boolean): SimulatedFleet {
  const members = stopping ? fleet.members : fleet.members.map(withoutStops);
  const result = simulateFleet({ ...fleet, members, policy, most: AT_ONCE });
  const { turnaroundSeconds, weightedTurnaroundSeconds, makespanSeconds, preemptions, refused } = result.metrics;
  const parameters = { policy, jobs: members.length, "hopeless jobs": stopping ? "stopped" : "trained" };
  const one = { parameters, repetitions: 1, spread: null };
  bench.record({ ...one, name: "turnaround", value: turnaroundSeconds.mean, unit: "s" });
  bench.record({ ...one, name: "by priority", value: weightedTurnaroundSeconds, unit: "s" });
  bench.record({ ...one, name: "95 %", value: turnaroundSeconds.p95, unit: "s" });
  bench.record({ ...one, name: "all", value: makespanSeconds, unit: "s" });
  bench.record({ ...one, name: "useful", value: usefulTokens(fleet, result), unit: "tokens/s" });
  bench.record({ ...one, name: "preemptions", value: preemptions, unit: "jobs" });
  bench.record({ ...one, name: "refused", value: refused, unit: "jobs" });
  return result;
}

function fleetCase(policy: PolicyName): Case {
  return {
    name: policy,
    seconds: policy === "twin" ? 150 : 15,
    async run(bench) {
      const fleet = await randomFleet(JOBS[bench.scale]);
      const parameters = { policy, jobs: fleet.members.length, "hopeless jobs": "stopped" };
      recordFleet(bench, fleet, policy, false);
      const stopped = recordFleet(bench, fleet, policy, true);
      const members = fleet.members.map(withoutStops);
      const plain = simulateFleet({ ...fleet, members, policy: "fifo", most: AT_ONCE });
      const one = { parameters, unit: "ratio", repetitions: 1, spread: null };
      const { turnaroundSeconds } = stopped.metrics;
      bench.record({
        ...one,
        name: "turnaround against fifo, all trained",
        value: turnaroundSeconds.mean / plain.metrics.turnaroundSeconds.mean,
      });
      bench.record({
        ...one,
        name: "useful against fifo, all trained",
        value: usefulTokens(fleet, stopped) / usefulTokens(fleet, plain),
      });
    },
  };
}

const WAITING = { full: 100, default: 100, quick: 100, tiny: 10 } as const;
/** Arrivals one after another, each of which is decided of. */
const ARRIVALS = 10;

/** How long the twin takes to decide, while so many jobs wait: what it has not seen before, and then after each arrival. */
const decisionCase: Case = {
  name: "decision of twin",
  seconds: 40,
  async run(bench) {
    const waiting = WAITING[bench.scale];
    const { setting, costs, members } = await randomFleet(waiting + ARRIVALS);
    const { resources, policyOf } = fleetModel({
      setting,
      costs,
      works: members.map(({ work }) => work),
      most: AT_ONCE,
    });
    const scheduler = new Scheduler(policyOf("twin"), resources);
    const arrived = members.map((member, number): FleetEvent => {
      const { request } = simulatedJob(member);
      return { kind: "arrived", number, request: { ...request, arrivalNs: 0 }, predicted: request.iterations };
    });
    const seconds = (events: readonly FleetEvent[]): number => {
      const from = performance.now();
      scheduler.trigger(0, events);
      return (performance.now() - from) / 1e3;
    };
    const parameters = { waiting };
    const first = seconds(arrived.slice(0, waiting));
    bench.record({ name: "first", value: first, unit: "s", parameters, repetitions: 1, spread: null });
    const later = arrived.slice(waiting).map((event) => seconds([event]));
    const one = { unit: "s", parameters, repetitions: ARRIVALS, spread: null };
    bench.record({ ...one, name: "median", value: median(later) });
    bench.record({ ...one, name: "longest", value: maximum(later) });
  },
};

/** Jobs of the trace, and pipelines; all jobs of it where absent. */
const TRACE = {
  full: { pipelines: 64 },
  default: { pipelines: 64, jobs: 20_000 },
  quick: { pipelines: 64, jobs: 2000 },
  tiny: { pipelines: 4, jobs: 60 },
} as const;
/** Loads of the fleet's time while jobs come: what it keeps up with, and what it does not. */
const TRACES = [
  { load: 0.8, hasUrgent: false },
  { load: 1.5, hasUrgent: false },
  { load: 0.8, hasUrgent: true },
] as const;

/** How long a cluster trace takes to simulate, in a process of its own, and what becomes of its jobs. */
function traceCase({ load, hasUrgent }: (typeof TRACES)[number]): Case {
  return {
    name: `trace, load ${load}${hasUrgent ? ", a quarter urgent" : ""}`,
    seconds: 25,
    async run({ scale, place, record }) {
      const size = {
        ...TRACE[scale],
        atOnce: AT_ONCE,
        load,
        hasUrgent,
        ...(place === undefined ? {} : { file: place }),
      };
      const result = await (scale === "tiny" ? traceFigures(size) : simulateTrace(size));
      const parameters = {
        policy: "mlora",
        jobs: result.jobs,
        pipelines: size.pipelines,
        load,
        urgent: hasUrgent ? "a quarter" : "none",
        trace: place === undefined ? "random, spread as Philly" : "Philly",
      };
      const one = { parameters, repetitions: 1, spread: null };
      record({ ...one, name: "read", value: result.readSeconds, unit: "s" });
      record({ ...one, name: "plan", value: result.planSeconds, unit: "s" });
      record({ ...one, name: "simulate", value: result.simulateSeconds, unit: "s" });
      record({ ...one, name: "processor time", value: result.cpuSeconds, unit: "s" });
      record({ ...one, name: "peak memory", value: result.residentBytes, unit: "B" });
      record({ ...one, name: "decisions", value: result.decisions, unit: "decisions" });
      record({ ...one, name: "utilisation", value: result.utilisation, unit: "share" });
      record({ ...one, name: "turnaround", value: result.meanTurnaroundSeconds, unit: "s" });
      record({ ...one, name: "preemptions", value: result.preemptions, unit: "jobs" });
    },
  };
}

export const fleet: Suite = {
  describe: "who of many jobs over time waits how long, under each policy of the job scheduler (simulated)",
  cases: () => [...POLICIES.map(fleetCase), decisionCase, ...TRACES.map(traceCase)],
};
