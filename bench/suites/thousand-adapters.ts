import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { maximum, sum } from "../../core/index.ts";
import {
  adapterParameters,
  createCostModel,
  FleetPaging,
  type JournalLine,
  type PolicyName,
  Scheduler,
  type Setting,
  type StateBytes,
  type StatesRoom,
} from "../../plan/index.ts";
import { fleetModel } from "../../sim/index.ts";
import { calibrateFor } from "../calibrate.ts";
import {
  type ExecutedScript,
  executeScript,
  type FleetScript,
  type ParitySize,
  scriptShape,
  twinOf,
} from "../fleet-script.ts";
import { killedThousand } from "../killed-thousand.ts";
import { summarize } from "../measurement.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { middleAndLast, timedDecisions } from "../timed-decisions.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL, type PlanShape } from "../workload.ts";

const JOBS: Readonly<Record<Scale, number>> = { full: 1000, default: 1000, quick: 200, tiny: 12 };
const RANKS = [4, 8, 16, 32, 64];
const AT_ONCE = 4;
/** The share of all states that memory has room for. */
const IN_MEMORY = 0.02;
/** Bytes a second by which states are assumed to move, between devices and memory, and memory and disk. */
const RATE = 1e9;

const SMALL = { hidden: 128, layers: 2, heads: 4, kvHeads: 4, intermediate: 352, vocabulary: 1024 } as const;
const SIZES: Readonly<Record<Scale, ParitySize>> = {
  full: { model: SMALL, length: { distribution: "uniform", min: 16, max: 48 }, steps: 8 },
  default: { model: SMALL, length: { distribution: "uniform", min: 16, max: 48 }, steps: 8 },
  quick: { model: SMALL, length: { distribution: "uniform", min: 16, max: 48 }, steps: 4 },
  tiny: { model: MODEL.tiny, length: 16, steps: 4 },
};

/** Jobs of all ranks, which are all there from the start. */
function scriptOf(jobs: number): FleetScript {
  const job = (number: number) => ({ rank: RANKS[number % RANKS.length]!, times: 1, at: 0 });
  return { jobs: Array.from({ length: jobs }, (_, number) => job(number)), asked: [], most: AT_ONCE };
}

/** A plan whose measured sizes are enough for them. */
function measured(size: ParitySize): PlanShape {
  const shape = { targets: ATTENTION_TARGETS, batchSize: 4, length: size.length, steps: 6 };
  const jobs = RANKS.map((rank, job) => ({ ...shape, rank, microBatchSize: 1 + (job % 2) }));
  return { model: size.model, dtype: "float32", devices: [1, 1], jobs };
}

/** The states of all jobs of a plan, in bytes. */
function stateBytes({ model, jobs, stages, pipelines }: ReturnType<typeof benchPlan>): number {
  const { firstStage, endStage } = pipelines[0]!;
  const own = stages.slice(firstStage, endStage);
  return 12 * sum(jobs.map((job) => sum(own.map((stage) => adapterParameters(model.architecture, stage, job)))));
}

function spanNs(journal: readonly JournalLine[]): number {
  return journal.at(-1)!.atNs - journal[0]!.atNs;
}

/** What the states of jobs take where the same is decided as was. */
function statesBy({ setting, most, works, journal }: ExecutedScript, policy: PolicyName): StateBytes {
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const { resources, policyOf } = fleetModel({ setting, costs, works, most });
  const scheduler = new Scheduler(policyOf(policy), resources);
  const paging = new FleetPaging(setting, works, () => scheduler.coming());
  for (const { atNs, events } of journal) paging.follow(scheduler.trigger(atNs, events));
  return paging.peak;
}

/** A thousand jobs that take turns, or follow each other, executed and simulated by the same plan. */
async function measureFleet(bench: Bench, policy: PolicyName): Promise<void> {
  const size = SIZES[bench.scale];
  const script = scriptOf(JOBS[bench.scale]);
  const calibration = await calibrateFor(measured(size));
  const plan = benchPlan({ ...scriptShape(size, script, 2), calibration });
  const states: StatesRoom = {
    hostBytes: Math.ceil(IN_MEMORY * stateBytes(plan)),
    linkBytesPerSecond: plan.devices.map(() => RATE),
    diskBytesPerSecond: RATE,
  };
  const parameters = { policy, jobs: script.jobs.length };
  const add = (name: string, value: number, unit: string): void =>
    bench.record({ name, parameters, value, unit, repetitions: 1, spread: null });
  const folder = mkdtempSync(path.join(os.tmpdir(), "loratwin-thousand-"));
  try {
    using live = timedDecisions();
    const executed = await executeScript({ size, script, policy, pipelines: 2, calibration, folder, states });
    const executedTimes = middleAndLast(live);
    live.seconds.length = 0;
    const twin = twinOf(executed, policy, executed.speed.clocks);
    const simulatedTimes = middleAndLast(live);
    const steps = sum(executed.works.map(({ job }) => job.steps));
    add("decision, median", executedTimes.median, "s");
    add("decision, 99 %", executedTimes.p99, "s");
    add("simulated, median", simulatedTimes.median, "s");
    add("simulated, 99 %", simulatedTimes.p99, "s");
    add("a step", spanNs(executed.journal) / 1e9 / steps, "s");
    add("step predicted, speed out", spanNs(twin.journal) / spanNs(executed.journal) - 1, "share");
    add(
      "device planned against executed",
      plannedDevice(executed.setting) / maximum(executed.bytes.devices) - 1,
      "share",
    );
    add("states in memory", executed.bytes.states.memory, "B");
    add("states on disk", executed.bytes.states.disk, "B");
    const decided = statesBy(executed, policy);
    add("states in memory, by its decisions", decided.memory, "B");
    add("states on disk, by its decisions", decided.disk, "B");
    add("states in memory, simulated", twin.mostStates.memory, "B");
    add("states on disk, simulated", twin.mostStates.disk, "B");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function plannedDevice({ memory }: Setting): number {
  return maximum(memory.map(({ total }) => total));
}

/** The same with the command line: killed, and gone on with. */
async function measureKill({ scale, record }: Bench): Promise<void> {
  const policy = "minpad";
  const { resumeSeconds, isSame, checkpointSeconds, answers } = await killedThousand(JOBS[scale], policy);
  const parameters = { policy, jobs: JOBS[scale] };
  record({ name: "resumed to its first step in", parameters, ...summarize([resumeSeconds]), unit: "s" });
  record({ name: "same bytes", parameters, ...summarize([isSame ? 1 : 0]), unit: "share" });
  record({ name: "longest checkpoint", parameters, ...summarize([checkpointSeconds]), unit: "s" });
  for (const { route, seconds, bytes } of answers) {
    const asked = { ...parameters, route };
    record({ name: "answered in", parameters: asked, ...summarize([seconds]), unit: "s" });
    record({ name: "answer", parameters: asked, ...summarize([bytes]), unit: "B" });
  }
}

export const thousandAdapters: Suite = {
  describe: "a thousand adapters of mixed rank on one base: decisions, paging, memory, resuming after a kill",
  cases: ({ scale }) => [
    ...(["minpad", "fifo"] as const).map(
      (policy): Case => ({
        name: policy,
        seconds: scale === "tiny" ? 10 : 160,
        run: (bench) => measureFleet(bench, policy),
      }),
    ),
    { name: "killed", seconds: scale === "tiny" ? 20 : 160, run: measureKill },
  ],
};
