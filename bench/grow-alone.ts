// Many segments of short jobs in a process of its own, simulated or executed.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median } from "../core/index.ts";
import { initialPairs } from "../exec/index.ts";
import { listener } from "../exec/run-event.ts";
import { Session } from "../exec/session.ts";
import { localHost } from "../exec/stage-host.ts";
import { actionDurations, createCostModel, type LiveWork, type Plan, type Segment } from "../plan/index.ts";
import { PlanRun } from "../sim/run/plan-run.ts";
import { inOwnProcess } from "./own-process.ts";
import { ShortJobs, settingFor } from "./short-jobs.ts";
import { benchModel, randomRows } from "./train.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL } from "./workload.ts";

export interface GrowSize {
  readonly what: "simulated" | "executed";
  readonly segments: number;
  readonly stages: number;
}

export interface GrowResult {
  readonly jobs: number;
  readonly actions: number;
  /** Of the simulator; actions where they are executed. */
  readonly eventsPerSecond: number;
  /** Resident memory after garbage collection: after a fifth of the segments, and the median of the last fifth. */
  readonly warmBytes: number;
  readonly endBytes: number;
}

/** @throws DeviceError when the process fails. */
export function growAlone(size: GrowSize): Promise<GrowResult> {
  return inOwnProcess("grow", size);
}

const AT_ONCE = 4;
/** About two mini-batches of every job, in nanoseconds of constant costs. */
const HORIZON_NS = 20e9;
/** Samples of the memory over the run. */
const SAMPLES = 50;

function templateOf(stages: number): Plan {
  return benchPlan({
    model: { ...MODEL.tiny, layers: stages },
    dtype: "float32",
    jobs: Array.from({ length: AT_ONCE }, (_, job) => ({
      rank: 4 + job,
      targets: ATTENTION_TARGETS,
      batchSize: 2,
      microBatchSize: 1,
      length: 8 + 3 * job,
      steps: 3,
    })),
    devices: Array.from({ length: stages }, () => 1),
  });
}

class MemoryLog {
  readonly #collect: () => void;
  readonly #every: number;
  readonly #bytes: number[] = [];
  #segments = 0;

  constructor(segments: number) {
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc") as () => void;
    this.#every = Math.max(1, Math.floor(segments / SAMPLES));
  }

  segment(): void {
    this.#segments += 1;
    if (this.#segments % this.#every !== 0) return;
    this.#collect();
    this.#bytes.push(process.memoryUsage().rss);
  }

  get figures(): Pick<GrowResult, "warmBytes" | "endBytes"> {
    const fifth = Math.max(1, Math.floor(this.#bytes.length / 5));
    return {
      warmBytes: median(this.#bytes.slice(fifth, 2 * fifth)),
      endBytes: median(this.#bytes.slice(-fifth)),
    };
  }
}

function simulated({ segments, stages }: GrowSize): GrowResult {
  const plan = templateOf(stages);
  const setting = settingFor(plan, AT_ONCE);
  const costModel = createCostModel(plan.calibration, plan.model.dtype);
  const jobs = new ShortJobs(plan, setting, AT_ONCE);
  const run = new PlanRun(setting, { links: costModel, gapNs: 0 });
  const memory = new MemoryLog(segments);
  let [actions, events, ms] = [0, 0, 0];
  for (let count = 0; count < segments; count += 1) {
    const segment = jobs.next(HORIZON_NS);
    if (segment === undefined) continue;
    const before = performance.now();
    const durations = (live: LiveWork) => actionDurations({ ...setting, ...work(live, segment) }, costModel);
    run.append(segment, durations);
    // As far as the plan has been ordered.
    run.advance(run.nowNs + HORIZON_NS);
    const taken = run.take();
    ms += performance.now() - before;
    for (const { compute } of taken.devices) actions += compute.startNs.length;
    events = taken.numEvents;
    memory.segment();
  }
  return { jobs: jobs.count, actions, eventsPerSecond: events / (ms / 1000), ...memory.figures };
}

function work({ jobs, groups }: LiveWork, { microBatches }: Segment) {
  return { jobs, groups, microBatches };
}

/** Segments ahead of what has ended, in actions. */
const AHEAD = 200;

async function executed({ segments, stages }: GrowSize): Promise<GrowResult> {
  const plan = templateOf(stages);
  const setting = settingFor(plan, AT_ONCE + 2);
  const jobs = new ShortJobs(plan, setting, AT_ONCE);
  const rows = randomRows(plan);
  const inputs = plan.jobs.map((job, index) => ({
    rows: rows[index]!,
    start: { parameters: initialPairs(job, plan.model.architecture) },
  }));
  const memory = new MemoryLog(segments);
  using host = localHost();
  let [count, actions] = [0, 0];
  const session: Session = await Session.open(host, {
    setting,
    model: benchModel(plan.model.architecture),
    onEvent: listener({
      completed({ batch }) {
        actions += batch.filter(({ done }) => done.stream === "compute").length;
        feed();
      },
    }),
  });
  const feed = (): void => {
    while (session.numAhead < AHEAD && count < segments) {
      const segment = jobs.next(HORIZON_NS);
      count += 1;
      if (segment !== undefined) session.append(segment, jobs.inputsOf(segment, inputs));
      memory.segment();
    }
    if (count === segments) session.close();
  };
  feed();
  const before = performance.now();
  await session.run();
  return {
    jobs: jobs.count,
    actions,
    eventsPerSecond: actions / ((performance.now() - before) / 1000),
    ...memory.figures,
  };
}

/** As `growAlone`, in this process. */
export async function growFigures(size: GrowSize): Promise<GrowResult> {
  return size.what === "simulated" ? simulated(size) : await executed(size);
}
