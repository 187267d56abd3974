import { finite } from "../core/index.ts";
import { devicesOfPipeline, FleetChronicle, type Job, type PolicyName } from "../plan/index.ts";
import type { LiveFleet, LiveJob, LiveNotice, LiveSubmission } from "../runs/index.ts";
import type {
  FleetControl,
  FleetStatus,
  JobOverrides,
  JobStatus,
  Notice,
  PredictedEnd,
  WhatIfAnswer,
} from "./fleet-control.ts";
import { fleetPicture, KEPT_FOR_PICTURES } from "./fleet-picture.ts";
import { decisionsNotice, evaluationNotice, sampleNotice, stepNotice } from "./notices.ts";
import { isOver, STANDINGS, type Standing, WAITING } from "./standing.ts";
import { checkSameForm } from "./warm-start.ts";

/** What a fleet on this machine is asked beside what it knows of itself. */
export interface LiveParts {
  /** Reads a job's data and cuts its micro-batches. @throws InputError, PlanError where it fits on no pipeline */
  readonly submissionOf: (job: Job) => Promise<LiveSubmission>;
  /** A job as another one is written, with keys of its own. @throws InputError */
  readonly derived: (job: Job, name: string, overrides: JobOverrides) => Job;
  /** By the jobs' numbers, of those that are not over, as known last; `isNew`: what has just changed may be waited for. */
  readonly predictedEnds: (isNew?: boolean) => Promise<ReadonlyMap<number, PredictedEnd>>;
  readonly whatIf: (submission: LiveSubmission, policy: PolicyName | undefined) => Promise<WhatIfAnswer>;
}

const SECOND = 1e9;

function secondsOf(ns: number | null | undefined): number | null {
  return ns === undefined || ns === null ? null : ns / SECOND;
}

function statusOf(fleet: LiveFleet, job: LiveJob, predictedEnd: PredictedEnd | undefined): JobStatus {
  const { best } = job;
  return {
    name: job.job.name,
    user: job.job.user ?? "",
    priority: job.priority,
    standing: job.standing,
    done: job.done,
    iterations: job.iterations,
    pipeline: job.pipeline ?? null,
    arrivalSeconds: job.arrivalNs / SECOND,
    deadlineSeconds: secondsOf(job.deadlineNs),
    startSeconds: secondsOf(job.startNs),
    endSeconds: secondsOf(job.endNs),
    loss: finite(job.loss),
    evaluationLoss: finite(job.evaluationLoss),
    best: best === undefined ? null : { step: best.step, loss: best.evaluationLoss, adapter: job.bestAdapter ?? null },
    predictedEnd: predictedEnd ?? null,
    spent: fleet.spentBy(job.job.name),
    maxCost: job.job.maxCost ?? null,
    why: job.why,
    adapter: job.adapter ?? null,
  };
}

function noticeOf(notice: LiveNotice): Notice | undefined {
  if (notice.kind === "line") return decisionsNotice(notice.line);
  if (notice.kind === "step") return stepNotice(notice.metrics);
  if (notice.kind === "evaluation") return evaluationNotice(notice.metrics);
  if (notice.kind === "sample") return sampleNotice(notice.lines);
  const { job } = notice;
  const standing = job.standing as Extract<Standing, "ended" | "stopped" | "cancelled" | "refused">;
  return {
    kind: "end",
    name: job.job.name,
    standing,
    atSeconds: (job.endNs ?? job.arrivalNs) / SECOND,
    why: job.why,
    adapter: job.adapter ?? null,
  };
}

/** A fleet that trains on this machine, and has decided nothing yet, as a server has it. */
export function liveControl(fleet: LiveFleet, parts: LiveParts): FleetControl {
  const chronicle = new FleetChronicle(KEPT_FOR_PICTURES);
  const keep = (notice: LiveNotice): void => {
    if (notice.kind === "line") chronicle.add(notice.line);
  };
  const past = fleet.takePast();
  past.forEach(keep);
  let told = past.flatMap((notice) => noticeOf(notice) ?? []);
  fleet.subscribe(keep);
  const shown = async (job: LiveJob): Promise<JobStatus> =>
    statusOf(fleet, job, (await parts.predictedEnds()).get(job.number));
  const changed = async (job: LiveJob): Promise<JobStatus> => {
    const ends = isOver(job) || job.standing === "paused" ? undefined : await parts.predictedEnds(true);
    return statusOf(fleet, job, ends?.get(job.number));
  };
  return {
    takePast() {
      const all = told;
      told = [];
      return all;
    },
    async submit(job) {
      return await changed(fleet.submit(await parts.submissionOf(job)));
    },
    async jobs() {
      const ends = await parts.predictedEnds();
      return fleet.jobs.map((job) => statusOf(fleet, job, ends.get(job.number)));
    },
    async job(name) {
      const job = fleet.jobs.find((each) => each.job.name === name);
      return job === undefined ? null : await shown(job);
    },
    async waiting() {
      const counts = new Map<string, number>();
      for (const { standing, job } of fleet.jobs)
        if (WAITING.includes(standing)) counts.set(job.user ?? "", (counts.get(job.user ?? "") ?? 0) + 1);
      return counts;
    },
    cancel: async (name) => changed(fleet.cancel(name)),
    setPriority: async (name, priority) => changed(fleet.setPriority(name, priority)),
    pause: async (name) => changed(fleet.pause(name)),
    unpause: async (name) => changed(fleet.unpause(name)),
    async clone(name, newName, overrides, warmStart) {
      const { job } = fleet.job(name);
      // It is there now, and need not be once the data is read.
      const start = warmStart ? { parameters: fleet.adapterOf(name).parameters } : undefined;
      const given = parts.derived(job, newName, overrides);
      if (start !== undefined) checkSameForm(job, given);
      const submission = await parts.submissionOf(given);
      return await changed(fleet.submit(start === undefined ? submission : { ...submission, warm: start }));
    },
    async whatIf(job, policy) {
      return await parts.whatIf(await parts.submissionOf(job), policy);
    },
    subscribe(listener) {
      return fleet.subscribe((notice) => {
        const told = noticeOf(notice);
        if (told !== undefined) listener(told);
      });
    },
    async drain() {
      fleet.drain();
      await new Promise<void>((resolve) => {
        const end = fleet.subscribe(({ kind }) => check(kind));
        const check = (kind: string): void => {
          if (kind !== "end" || !fleet.jobs.every(isOver)) return;
          end();
          resolve();
        };
        check("end");
      });
    },
    picture: async (most) => fleetPicture(chronicle, fleet.nowNs, most),
    async status(): Promise<FleetStatus> {
      const { setting } = fleet;
      const counts = Object.fromEntries(STANDINGS.map((each) => [each, 0])) as Record<Standing, number>;
      for (const { standing } of fleet.jobs) counts[standing] += 1;
      return {
        policy: fleet.policy.name,
        pipelines: setting.pipelines.map((_, pipeline) => ({
          devices: [...devicesOfPipeline(setting, pipeline)],
          jobs: fleet.jobs.filter((job) => job.pipeline === pipeline).map(({ job }) => job.name),
        })),
        uptimeSeconds: fleet.nowNs / SECOND,
        draining: fleet.isDraining,
        counts,
      };
    },
  };
}
