import { initialPairs } from "../exec/index.ts";
import { listener } from "../exec/run-event.ts";
import { Session } from "../exec/session.ts";
import { localHost } from "../exec/stage-host.ts";
import { actionDurations, createCostModel, type LiveWork, type Plan, type Work } from "../plan/index.ts";
import { PlanRun } from "../sim/run/plan-run.ts";
import { idleShare } from "../traces/bubble.ts";
import { ShortJobs, settingFor } from "./short-jobs.ts";
import { benchModel, randomRows } from "./train.ts";

/** When actions of all devices began and ended. */
class BusyTimes {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  add(startNs: number, endNs: number): void {
    this.#starts.push(startNs);
    this.#ends.push(endNs);
  }

  /** Idle share of the devices in the middle of the run: without its first fifth, and its last. */
  bubble(numDevices: number): number {
    const startNs = this.#starts.reduce((least, ns) => Math.min(least, ns), Number.POSITIVE_INFINITY);
    const endNs = this.#ends.reduce((most, ns) => Math.max(most, ns), 0);
    const fifth = (endNs - startNs) / 5;
    const [fromNs, toNs] = [startNs + fifth, endNs - fifth];
    let busyNs = 0;
    this.#starts.forEach((ns, at) => {
      busyNs += Math.max(0, Math.min(this.#ends[at]!, toNs) - Math.max(ns, fromNs));
    });
    return idleShare(busyNs, numDevices, fromNs, toNs) ?? 0;
  }
}

/** Jobs that come and go like those of a plan: so many at once, so many in all, ordered so far ahead. */
export interface Growth {
  readonly atOnce: number;
  readonly numJobs: number;
  /** Of the plan's clock. */
  readonly horizonNs: number;
}

/** The bubble of a whole plan in virtual time, or of jobs that come and go like those of the plan. */
export function simulatedBubble(plan: Plan, growth?: Growth): number {
  const setting = growth === undefined ? plan : settingFor(plan, growth.atOnce + 2);
  const costModel = createCostModel(plan.calibration, plan.model.dtype);
  const run = new PlanRun(setting, { links: costModel, gapNs: 0 });
  const times = new BusyTimes();
  const append = (work: Work): void =>
    run.append(work, ({ jobs, groups }: LiveWork) =>
      actionDurations({ ...setting, jobs, groups, microBatches: work.microBatches }, costModel),
    );
  const take = (): void => {
    for (const { compute } of run.take().devices)
      compute.startNs.forEach((startNs, at) => {
        times.add(startNs, compute.endNs[at]!);
      });
  };
  if (growth === undefined) {
    append(plan);
    run.advance(Number.POSITIVE_INFINITY);
  } else {
    const jobs = new ShortJobs(plan, setting, growth.atOnce);
    while (jobs.count < growth.numJobs) {
      const segment = jobs.next(growth.horizonNs);
      if (segment === undefined) continue;
      append(segment);
      run.advance(run.nowNs + growth.horizonNs);
      take();
    }
  }
  take();
  return times.bubble(plan.devices.length);
}

/** The bubble of a run of a whole plan, or of jobs that come and go like those of the plan. */
export async function executedBubble(plan: Plan, growth?: Growth): Promise<number> {
  const setting = growth === undefined ? plan : settingFor(plan, growth.atOnce + 2);
  const rows = randomRows(plan);
  const inputs = plan.jobs.map((job, index) => ({
    rows: rows[index]!,
    start: { parameters: initialPairs(job, plan.model.architecture) },
  }));
  const times = new BusyTimes();
  using host = localHost();
  const session: Session = await Session.open(host, {
    setting,
    model: benchModel(plan.model.architecture),
    onEvent: listener({
      completed({ batch }) {
        for (const { done } of batch) if (done.stream === "compute") times.add(done.startNs, done.endNs);
        feed();
      },
    }),
  });
  const jobs = growth === undefined ? undefined : new ShortJobs(plan, setting, growth.atOnce);
  const feed = (): void => {
    if (jobs === undefined || growth === undefined) return;
    while (session.numAhead < AHEAD && jobs.count < growth.numJobs) {
      const segment = jobs.next(growth.horizonNs);
      if (segment !== undefined) session.append(segment, jobs.inputsOf(segment, inputs));
    }
    if (jobs.count >= growth.numJobs) session.close();
  };
  if (jobs === undefined) {
    session.append(plan, inputs);
    session.close();
  } else feed();
  await session.run();
  return times.bubble(plan.devices.length);
}

/** Actions ahead at which no segment is appended. */
const AHEAD = 100;
