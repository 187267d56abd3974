import { z } from "zod";
import { nameSchema } from "../plan/index.ts";
import {
  answerErrorSchema,
  chatAnswerSchema,
  completionAnswerSchema,
  modelSchema,
  modelsSchema,
} from "./answers/documents.ts";
import { chatRequestSchema, completionRequestSchema } from "./answers/requests.ts";
import {
  decisionsNoticeSchema,
  fleetStatusSchema,
  jobOverridesSchema,
  jobStatusSchema,
  noticeSchema,
  submittedJobSchema,
  whatIfAnswerSchema,
} from "./fleet-control.ts";
import { fleetPictureSchema } from "./fleet-picture.ts";

/** Why a request was not granted: the facts of an error, without anything of the program's inside. */
const errorFactsSchema = z.strictObject({
  expected: z.string(),
  got: z.string().exactOptional(),
  at: z.string().exactOptional(),
  hint: z.string().exactOptional(),
  detail: z.string().exactOptional(),
});
export type WireFacts = Readonly<z.infer<typeof errorFactsSchema>>;

export const errorAnswerSchema = z.strictObject({ error: errorFactsSchema });

/** Jobs in the order of arrival; of those that are over the latest ones, and how many more there are. */
export const jobsAnswerSchema = z.strictObject({ jobs: z.array(jobStatusSchema), omitted: z.int().min(0) });
export type JobsAnswer = Readonly<z.infer<typeof jobsAnswerSchema>>;

/** `points[i]` is the mean loss of the steps from `i * stride` on; null where none was a number. */
const lossCurveSchema = z.strictObject({
  name: nameSchema,
  stride: z.int().positive(),
  points: z.array(z.number().nullable()),
});
export type LossCurve = Readonly<z.infer<typeof lossCurveSchema>>;
export const lossesAnswerSchema = z.strictObject({ curves: z.array(lossCurveSchema) });

const answerText = { text: z.string(), ended: z.boolean() };
/** By job, its prompts: what the base has answered, null where that is not known, and the adapter, by step from 0. */
export const samplesAnswerSchema = z.strictObject({
  jobs: z.array(
    z.strictObject({
      name: nameSchema,
      prompts: z.array(
        z.strictObject({
          prompt: z.string(),
          base: z.strictObject(answerText).nullable(),
          answers: z.array(z.strictObject({ step: z.int().min(0), ...answerText })),
        }),
      ),
    }),
  ),
});
export type SamplesAnswer = Readonly<z.infer<typeof samplesAnswerSchema>>;

/** The latest ones, in order. */
export const decisionsAnswerSchema = z.strictObject({ lines: z.array(decisionsNoticeSchema) });

export const priorityRequestSchema = z.strictObject({ priority: z.int() });

export const cloneRequestSchema = z.strictObject({
  name: nameSchema,
  overrides: jobOverridesSchema.exactOptional(),
  /** From where the job's adapter is now; else, as without it, as the job itself began. */
  warmStart: z.boolean().exactOptional(),
});
export type CloneRequest = Readonly<z.input<typeof cloneRequestSchema>>;

export const whatIfRequestSchema = z.strictObject({
  job: submittedJobSchema,
  /** Another one than the fleet's. */
  policy: z.string().max(64).exactOptional(),
});

/** What every OpenAPI document has; more of it is not looked at. */
export const openApiSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({}),
  paths: z.record(z.string(), z.unknown()),
});

export const nameParamsSchema = z.strictObject({ name: nameSchema });

/** How many jobs that are over an answer has at most. */
export const jobsQuerySchema = z.strictObject({ over: z.coerce.number().int().min(0).max(10_000).default(100) });

/** Every shape that crosses the wire, by its name in the OpenAPI document. */
export const MESSAGES: Readonly<Record<string, z.ZodType>> = {
  SubmittedJob: submittedJobSchema,
  JobOverrides: jobOverridesSchema,
  JobStatus: jobStatusSchema,
  Jobs: jobsAnswerSchema,
  FleetStatus: fleetStatusSchema,
  PriorityRequest: priorityRequestSchema,
  CloneRequest: cloneRequestSchema,
  WhatIfRequest: whatIfRequestSchema,
  WhatIfAnswer: whatIfAnswerSchema,
  LossCurve: lossCurveSchema,
  Losses: lossesAnswerSchema,
  Samples: samplesAnswerSchema,
  Decisions: decisionsAnswerSchema,
  FleetPicture: fleetPictureSchema,
  Notice: noticeSchema,
  Error: errorAnswerSchema,
  Model: modelSchema,
  Models: modelsSchema,
  ChatRequest: chatRequestSchema,
  ChatAnswer: chatAnswerSchema,
  CompletionRequest: completionRequestSchema,
  CompletionAnswer: completionAnswerSchema,
  AnswerError: answerErrorSchema,
};
