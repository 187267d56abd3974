import { InputError, PlanError } from "../../core/index.ts";
import { FleetChronicle, type Job } from "../../plan/index.ts";
import { fleetPicture, KEPT_FOR_PICTURES } from "../../server/fleet-picture.ts";
import type { FleetControl, JobOverrides, JobStatus, Notice, Standing, WhatIfAnswer } from "../../server/index.ts";
import { isOver, STANDINGS } from "../../server/index.ts";

/** A fleet that trains nothing: jobs wait, and tests say what happens to them. */
export interface FleetDouble extends FleetControl {
  /** As they were submitted, completed and placed. */
  readonly submitted: readonly Job[];
  readonly cloned: readonly (readonly [string, string, JobOverrides, boolean])[];
  tell(notice: Notice): void;
  /** What its scheduler would have written, for pictures. */
  readonly chronicle: FleetChronicle;
  change(name: string, facts: Partial<JobStatus>): void;
  answer(answer: WhatIfAnswer): void;
  readonly numListeners: number;
}

export function statusOf(name: string, facts: Partial<JobStatus> = {}): JobStatus {
  return {
    ...{ name, user: "", priority: 0, standing: "waiting", done: 0, iterations: 10, pipeline: null },
    ...{ arrivalSeconds: 1, deadlineSeconds: null, startSeconds: null, endSeconds: null },
    ...{ loss: null, evaluationLoss: null, best: null },
    ...{ spent: { deviceSeconds: 0 }, maxCost: null },
    ...{ predictedEnd: { seconds: 30, low: 25, high: 40, asOfSeconds: 0 }, why: "others came first", adapter: null },
    ...facts,
  };
}

export function createFleetDouble(): FleetDouble {
  const jobs = new Map<string, JobStatus>();
  const submitted: Job[] = [];
  const cloned: (readonly [string, string, JobOverrides, boolean])[] = [];
  const listeners = new Set<(notice: Notice) => void>();
  const chronicle = new FleetChronicle(KEPT_FOR_PICTURES);
  let draining = false;
  let answered: WhatIfAnswer = { admitted: false, policy: "fifo", why: "nobody said" };

  const put = (job: JobStatus): JobStatus => {
    jobs.set(job.name, job);
    return job;
  };
  const stand = (name: string, standing: Standing, from: (standing: Standing) => boolean): JobStatus => {
    const job = jobs.get(name)!;
    if (!from(job.standing)) throw new InputError({ expected: `a job to be ${standing}`, at: name, got: job.standing });
    return put({ ...job, standing, why: "somebody said so" });
  };
  const change: FleetDouble["change"] = (name, facts) => void put({ ...jobs.get(name)!, ...facts });
  const isLive = (standing: Standing): boolean => !isOver({ standing });

  return {
    submitted,
    chronicle,
    cloned,
    get numListeners() {
      return listeners.size;
    },
    tell: (notice) => {
      for (const listener of listeners) listener(notice);
    },
    change,
    answer: (answer) => {
      answered = answer;
    },
    submit: async (job) => {
      submitted.push(job);
      if (job.adapter.rank > 512)
        throw new PlanError({ expected: "a job that fits on a pipeline", at: "adapter.rank", detail: "stage  needs" });
      const { name, user = "", priority, steps = 10 } = job;
      return put(statusOf(name, { user, priority, iterations: steps }));
    },
    jobs: async () => [...jobs.values()],
    job: async (name) => jobs.get(name) ?? null,
    waiting: async () => {
      const users = [...jobs.values()].filter(({ standing }) => standing === "waiting").map(({ user }) => user);
      return new Map(users.map((user) => [user, users.filter((each) => each === user).length]));
    },
    cancel: async (name) => stand(name, "cancelled", isLive),
    setPriority: async (name, priority) => {
      change(name, { priority });
      return jobs.get(name)!;
    },
    pause: async (name) => stand(name, "paused", isLive),
    unpause: async (name) => stand(name, "waiting", (standing) => standing === "paused"),
    clone: async (name, newName, overrides, warmStart) => {
      cloned.push([name, newName, overrides, warmStart]);
      return put({ ...jobs.get(name)!, name: newName, standing: "waiting" });
    },
    whatIf: async (_job, policy) => (policy === undefined ? answered : { ...answered, policy }),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    picture: async (most) => fleetPicture(chronicle, 12e9, most),
    drain: async () => {
      draining = true;
    },
    status: async () => ({
      ...{ policy: "fifo", uptimeSeconds: 12, draining },
      pipelines: [{ devices: ["cpu:0", "cpu:1"], jobs: [] }],
      counts: Object.fromEntries(
        STANDINGS.map((standing) => [standing, [...jobs.values()].filter((job) => job.standing === standing).length]),
      ) as Record<Standing, number>,
    }),
  };
}
