import { z } from "zod";
import {
  type Decision,
  type Job,
  maxCostSchema,
  nameSchema,
  type PolicyName,
  spentSchema,
  writtenJobSchema,
} from "../plan/index.ts";
import type { FleetPicture } from "./fleet-picture.ts";
import { OVER, STANDINGS } from "./standing.ts";

/** Seconds since the fleet's start. */
const seconds = z.number().min(0);
const count = z.int().min(0);
const pipeline = count.nullable();
/** What people read; bounded, so that no answer grows without end. */
const sentence = z.string().max(4096);

/** A job as it is submitted: it comes when it comes. */
export const submittedJobSchema = writtenJobSchema.omit({ arrivalSeconds: true });
export type SubmittedJob = Readonly<z.input<typeof submittedJobSchema>>;

/** What a clone has of its own. */
export const jobOverridesSchema = submittedJobSchema.omit({ name: true }).partial();
export type JobOverrides = Readonly<z.input<typeof jobOverridesSchema>>;

/** A point in time that is predicted, and between which times 90 % of runs should have it. */
const intervalSchema = z.strictObject({ seconds, low: seconds, high: seconds });
export type PredictedTime = Readonly<z.infer<typeof intervalSchema>>;
/**
 * On the machine that it is measured on: if that is left alone, as it is now, which the interval beside it is of, and as
 * it has been. Absent where nobody looked how it is now.
 */
const outlooksSchema = z
  .strictObject({ alone: intervalSchema, now: intervalSchema, been: intervalSchema })
  .readonly()
  .optional();
const predictedEndSchema = intervalSchema.extend({ asOfSeconds: seconds, outlooks: outlooksSchema });
export type PredictedEnd = Readonly<z.infer<typeof predictedEndSchema>>;

export const jobStatusSchema = z.strictObject({
  name: nameSchema,
  user: z.string().max(256),
  priority: z.int(),
  standing: z.enum(STANDINGS),
  /** Iterations that have ended, of those that it asks for. */
  done: count,
  iterations: count,
  /** Where it trains; null while it does not. */
  pipeline,
  arrivalSeconds: seconds,
  /** When it is to have ended; negative where that was before the fleet was resumed, null without a deadline. */
  deadlineSeconds: z.number().nullable(),
  startSeconds: seconds.nullable(),
  endSeconds: seconds.nullable(),
  /** Of the last iteration; null before the first, and where it is no number. */
  loss: z.number().nullable(),
  /** On its held-out rows, as it was taken last; null before the first time, and where it is no number. */
  evaluationLoss: z.number().nullable(),
  /** The lowest of these: after which step, from 0, and the folder with that adapter, once it has one to give. */
  best: z.strictObject({ step: count, loss: z.number(), adapter: z.string().nullable() }).nullable(),
  /** When it is expected to end, by what the fleet was like `asOfSeconds` after its start; null while that is not known. */
  predictedEnd: predictedEndSchema.nullable(),
  /** What it has taken of devices so far, in earlier attempts too, and what it may take; null for no limit of its own. */
  spent: spentSchema,
  maxCost: maxCostSchema.nullable(),
  /** The reason of the last decision about it. */
  why: sentence,
  /** The folder with its adapter, once it has one to give. */
  adapter: z.string().nullable(),
});
export type JobStatus = Readonly<z.infer<typeof jobStatusSchema>>;

export const fleetStatusSchema = z.strictObject({
  policy: z.string(),
  pipelines: z.array(z.strictObject({ devices: z.array(z.string()), jobs: z.array(nameSchema) })),
  uptimeSeconds: seconds,
  /** It takes no more jobs, and ends when those that it has have ended. */
  draining: z.boolean(),
  /** Jobs by standing. */
  counts: z.record(z.enum(STANDINGS), count),
});
export type FleetStatus = Readonly<z.infer<typeof fleetStatusSchema>>;

/**
 * What would happen if a job came now, which is `asOfSeconds` after the fleet's start. `delays`: only jobs that would end at another time. `lateSeconds`: by how much a
 * job would end after its deadline; 0 where it would be in time, or has none.
 */
export const whatIfAnswerSchema = z.discriminatedUnion("admitted", [
  z.strictObject({
    admitted: z.literal(true),
    policy: z.string(),
    asOfSeconds: seconds,
    startSeconds: seconds,
    end: intervalSchema,
    lateSeconds: seconds,
    outlooks: outlooksSchema,
    delays: z.array(z.strictObject({ name: nameSchema, bySeconds: z.number(), lateSeconds: seconds })).readonly(),
  }),
  z.strictObject({
    admitted: z.literal(false),
    policy: z.string(),
    why: sentence,
    /** The table of what it takes of each device, where it fits on none. */
    detail: z.string().max(65_536).optional(),
  }),
]);
export type WhatIfAnswer = Readonly<z.infer<typeof whatIfAnswerSchema>>;

const DECISIONS = [
  "start",
  "resume",
  "leave",
  "stay",
  "preempt",
  "stop",
  "refuse",
] as const satisfies readonly Decision["kind"][];

const decisionSchema = z.strictObject({ kind: z.enum(DECISIONS), name: nameSchema, pipeline, why: sentence });

/** A line of the journal in which something was decided. */
export const decisionsNoticeSchema = z.strictObject({
  kind: z.literal("decisions"),
  line: count,
  atSeconds: seconds,
  decisions: z.array(decisionSchema),
});
export type DecisionsNotice = Readonly<z.infer<typeof decisionsNoticeSchema>>;

/** An iteration of a job has ended. */
const stepNoticeSchema = z.strictObject({
  kind: z.literal("step"),
  name: nameSchema,
  /** From 0. */
  step: count,
  /** Null where it is no number. */
  loss: z.number().nullable(),
  /** Over the whole adapter, before clipping; null where it is no number. */
  gradNorm: z.number().nullable(),
  /** That the step has used. */
  learningRate: z.number(),
  tokens: count,
  /** How long the iteration took. */
  seconds,
});
export type StepNotice = Readonly<z.infer<typeof stepNoticeSchema>>;

/** A job was evaluated on its held-out rows. */
const evaluationNoticeSchema = z.strictObject({
  kind: z.literal("evaluation"),
  name: nameSchema,
  /** The one that it has made last, from 0. */
  step: count,
  /** Null where it is no number. */
  loss: z.number().nullable(),
  tokens: count,
  /** Whether it is lower than all of the job before. */
  best: z.boolean(),
});
export type EvaluationNotice = Readonly<z.infer<typeof evaluationNoticeSchema>>;

/** A job has answered its prompts, and the base beside it where it is the first time. */
const sampleNoticeSchema = z.strictObject({
  kind: z.literal("sample"),
  name: nameSchema,
  /** The one that it has made last, from 0. */
  step: count,
  answers: z.array(
    z.strictObject({
      prompt: z.string(),
      by: z.enum(["adapter", "base"]),
      text: z.string(),
      tokens: count,
      /** Whether it ended by itself; it is cut where not. */
      ended: z.boolean(),
    }),
  ),
});
export type SampleNotice = Readonly<z.infer<typeof sampleNoticeSchema>>;

/** A job is over. */
const endNoticeSchema = z.strictObject({
  kind: z.literal("end"),
  name: nameSchema,
  standing: z.enum(OVER),
  atSeconds: seconds,
  why: sentence,
  adapter: z.string().nullable(),
});

export const noticeSchema = z.discriminatedUnion("kind", [
  decisionsNoticeSchema,
  stepNoticeSchema,
  evaluationNoticeSchema,
  sampleNoticeSchema,
  endNoticeSchema,
]);
export type Notice = Readonly<z.infer<typeof noticeSchema>>;

/**
 * A fleet that trains while jobs come and go. Data and adapters of a job that is submitted have absolute paths. Names of
 * jobs are never used twice; what is asked of a name that is not there, or of a job that is not where it would have to
 * be (to unpause one that is not paused), rejects with an InputError that says so.
 */
export interface FleetControl {
  /** What happened before, of a fleet that was cut off and goes on; told once. */
  takePast?(): readonly Notice[];
  /**
   * The job's arrival is now, whatever it says. Rejects with an InputError where it cannot be loaded, and with a
   * PlanError, whose detail has the table, where it fits on no pipeline even alone.
   */
  submit(job: Job): Promise<JobStatus>;
  /** In the order of arrival, with those that are over. */
  jobs(): Promise<readonly JobStatus[]>;
  /** Null where none has the name. */
  job(name: string): Promise<JobStatus | null>;
  /** By user, the jobs that wait for a pipeline, preempted and paused ones too. */
  waiting(): Promise<ReadonlyMap<string, number>>;
  cancel(name: string): Promise<JobStatus>;
  setPriority(name: string, priority: number): Promise<JobStatus>;
  pause(name: string): Promise<JobStatus>;
  unpause(name: string): Promise<JobStatus>;
  /** A new job like one that is there but for the overrides. `warmStart`: from where that one's adapter is now. */
  clone(name: string, newName: string, overrides: JobOverrides, warmStart: boolean): Promise<JobStatus>;
  /** Changes nothing. `policy`: another one than the fleet's. */
  whatIf(job: Job, policy?: PolicyName): Promise<WhatIfAnswer>;
  /** Tells of what happens from now on, in order. Returns what ends that. */
  subscribe(listener: (notice: Notice) => void): () => void;
  /** Takes no more jobs; resolves when all have ended. */
  drain(): Promise<void>;
  status(): Promise<FleetStatus>;
  /** What at most so many jobs did over time, up to now. */
  picture(most: number): Promise<FleetPicture>;
}
