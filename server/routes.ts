import { POLICIES, type PolicyName } from "../plan/index.ts";
import { type Admission, admitJob, checkRoom, completed } from "./admit-job.ts";
import { answerRoutes } from "./answers/answer-routes.ts";
import type { AnswerService } from "./answers/answering.ts";
import { checkPaths } from "./check-paths.ts";
import type { EventClients } from "./event-clients.ts";
import {
  fleetStatusSchema,
  type JobStatus,
  jobStatusSchema,
  submittedJobSchema,
  whatIfAnswerSchema,
} from "./fleet-control.ts";
import { fleetPictureSchema, pictureQuerySchema } from "./fleet-picture.ts";
import {
  cloneRequestSchema,
  decisionsAnswerSchema,
  jobsAnswerSchema,
  jobsQuerySchema,
  lossesAnswerSchema,
  nameParamsSchema,
  openApiSchema,
  priorityRequestSchema,
  samplesAnswerSchema,
  whatIfRequestSchema,
} from "./messages.ts";
import type { Observed } from "./observe-fleet.ts";
import { openApi } from "./open-api.ts";
import { granted, RequestError } from "./request-error.ts";
import { jsonRoute, type Route } from "./route.ts";
import { isOver } from "./standing.ts";

/** What the routes are over. */
export interface Served extends Admission {
  readonly observed: Observed;
  readonly clients: EventClients;
  readonly answers: AnswerService;
  /** The page, with the policy that it keeps. */
  readonly page: { readonly html: string; readonly policy: string };
}

/** Of those that are over only the latest. */
async function listJobs({ control }: Served, most: number) {
  const all = await control.jobs();
  const over = all.filter(isOver);
  const left = new Set(over.slice(0, Math.max(0, over.length - most)));
  return { jobs: all.filter((job) => !left.has(job)), omitted: left.size };
}

/** @throws RequestError where none has the name */
async function known({ control }: Served, name: string): Promise<JobStatus> {
  const job = await control.job(name);
  if (job !== null) return job;
  throw new RequestError(404, { expected: "the name of a job of this fleet", at: "name", got: name });
}

/**
 * A policy that a client names: one of ours, or the fleet's own, which is undefined. A file is a program: who starts a
 * server says what runs in it. @throws RequestError for any other
 */
async function knownPolicy({ control }: Served, asked: string | undefined): Promise<PolicyName | undefined> {
  if (asked === undefined) return undefined;
  const { policy: own } = await control.status();
  if (asked === own) return undefined;
  const name = POLICIES.find((each) => each === asked);
  if (name !== undefined) return name;
  throw new RequestError(422, {
    expected: `a policy of this server (${[...new Set([own, ...POLICIES])].join(", ")})`,
    at: "policy",
    got: asked,
    hint: "`loratwin serve --policy FILE` starts a server with a policy of your own.",
  });
}

export function fleetRoutes(served: Served): readonly Route[] {
  const { control, observed, clients, page } = served;

  /** What is done to a job that is there. */
  const onJob = async (name: string, act: () => Promise<JobStatus>): Promise<JobStatus> => {
    await known(served, name);
    return granted(409, act);
  };

  /** Of each asker, the last question that takes a simulation: one at a time, so that others are answered between. */
  const last = new Map<string, Promise<unknown>>();
  const inTurn = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const own = (last.get(key) ?? Promise.resolve()).then(ask);
    last.set(
      key,
      own.catch(() => {}),
    );
    return own;
  };
  let document: ReturnType<typeof openApi> | undefined;
  const routes: readonly Route[] = [
    {
      method: "GET",
      path: "/",
      id: "getPage",
      summary: "The page of the fleet.",
      status: 200,
      refusals: [],
      answer: {
        media: "text/html",
        send: async (_, reply) => {
          await reply.header("content-security-policy", page.policy).type("text/html; charset=utf-8").send(page.html);
        },
      },
    },
    jsonRoute({
      method: "POST",
      path: "/v1/jobs",
      id: "submitJob",
      summary: "Submits a job, whose paths are absolute. What it leaves out comes from the fleet's workload.",
      body: submittedJobSchema,
      status: 201,
      refusals: [409, 422, 429, 503],
      answers: jobStatusSchema,
      handle: ({ body }) => admitJob(served, body),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/jobs",
      id: "listJobs",
      summary: "All jobs that are not over, and the latest of those that are.",
      query: jobsQuerySchema,
      answers: jobsAnswerSchema,
      handle: ({ query }) => listJobs(served, query.over),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/jobs/:name",
      id: "getJob",
      summary: "One job.",
      params: nameParamsSchema,
      answers: jobStatusSchema,
      handle: ({ params }) => known(served, params.name),
    }),
    jsonRoute({
      method: "DELETE",
      path: "/v1/jobs/:name",
      id: "cancelJob",
      summary: "Cancels a job. It keeps what its adapter has learned so far.",
      params: nameParamsSchema,
      refusals: [409],
      answers: jobStatusSchema,
      handle: ({ params }) => onJob(params.name, () => control.cancel(params.name)),
    }),
    jsonRoute({
      method: "PATCH",
      path: "/v1/jobs/:name",
      id: "setPriority",
      summary: "Gives a job another priority.",
      params: nameParamsSchema,
      body: priorityRequestSchema,
      refusals: [409],
      answers: jobStatusSchema,
      handle: ({ params, body }) => onJob(params.name, () => control.setPriority(params.name, body.priority)),
    }),
    jsonRoute({
      method: "POST",
      path: "/v1/jobs/:name/pause",
      id: "pauseJob",
      summary: "Holds a job back: it gives way at the end of its iteration.",
      params: nameParamsSchema,
      refusals: [409],
      answers: jobStatusSchema,
      handle: ({ params }) => onJob(params.name, () => control.pause(params.name)),
    }),
    jsonRoute({
      method: "POST",
      path: "/v1/jobs/:name/unpause",
      id: "unpauseJob",
      summary: "Lets a job that was paused go on, in its turn.",
      params: nameParamsSchema,
      refusals: [409],
      answers: jobStatusSchema,
      handle: ({ params }) => onJob(params.name, () => control.unpause(params.name)),
    }),
    jsonRoute({
      method: "POST",
      path: "/v1/jobs/:name/clone",
      id: "cloneJob",
      summary: "A new job like this one but for the overrides.",
      params: nameParamsSchema,
      body: cloneRequestSchema,
      status: 201,
      refusals: [409, 422, 429, 503],
      answers: jobStatusSchema,
      handle: async ({ params, body: { name, overrides = {}, warmStart = false } }) => {
        const { user } = await known(served, params.name);
        await checkRoom(served, name, overrides.user ?? user);
        const clone = async (): Promise<JobStatus> => {
          checkPaths(overrides, served.dataRoot);
          return control.clone(params.name, name, overrides, warmStart);
        };
        return granted(422, clone, "overrides");
      },
    }),
    jsonRoute({
      method: "POST",
      path: "/v1/what-if",
      id: "whatIf",
      summary: "What would happen if a job came now. Changes nothing.",
      body: whatIfRequestSchema,
      refusals: [422],
      answers: whatIfAnswerSchema,
      handle: async ({ body }, { key }) => {
        const policy = await knownPolicy(served, body.policy);
        const job = await completed(served, body.job, "job");
        return inTurn(key, () => granted(422, () => control.whatIf(job, policy), "job"));
      },
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/status",
      id: "getStatus",
      summary: "The fleet: policy, pipelines, counts.",
      answers: fleetStatusSchema,
      handle: () => control.status(),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/picture",
      id: "getPicture",
      summary: "What jobs did over time, up to now, with the reasons: as a Gantt chart has it.",
      query: pictureQuerySchema,
      answers: fleetPictureSchema,
      handle: ({ query }) => control.picture(query.jobs),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/losses",
      id: "getLosses",
      summary: "Loss curves, thinned, of the jobs that trained last.",
      answers: lossesAnswerSchema,
      handle: async () => ({ curves: [...observed.curves()] }),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/samples",
      id: "getSamples",
      summary: "What jobs have answered to their prompts last, beside the base.",
      answers: samplesAnswerSchema,
      handle: async () => ({
        jobs: observed.samples().map(({ name, prompts }) => ({
          name,
          prompts: prompts.map((each) => ({ ...each, answers: [...each.answers] })),
        })),
      }),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/decisions",
      id: "getDecisions",
      summary: "The latest decisions of the scheduler, with reasons.",
      answers: decisionsAnswerSchema,
      handle: async () => ({ lines: [...observed.decisions()] }),
    }),
    {
      method: "GET",
      path: "/metrics",
      id: "getMetrics",
      summary: "What monitoring reads, in Prometheus' text format.",
      status: 200,
      refusals: [],
      answer: {
        media: "text/plain",
        send: async (_, reply) => {
          const { text, type } = await observed.metrics.answer();
          await reply.type(type).send(text);
        },
      },
    },
    {
      method: "GET",
      path: "/v1/events",
      id: "getEvents",
      summary:
        "Notices as server-sent events: `notice` has one as data, `reset` says that some were missed. Last-Event-ID goes on after the event that it names.",
      status: 200,
      refusals: [503],
      answer: {
        media: "text/event-stream",
        send: async (request, reply, key) => {
          const leave = clients.enter(key);
          const lastId = request.headers["last-event-id"];
          reply.hijack();
          reply.raw.writeHead(200, { ...reply.getHeaders(), "content-type": "text/event-stream" } as never);
          reply.raw.once("close", leave);
          clients.add(reply.raw, observed.log, typeof lastId === "string" ? lastId : undefined);
        },
      },
    },
    ...answerRoutes(served.answers),
    jsonRoute({
      method: "GET",
      path: "/v1/openapi.json",
      id: "getOpenApi",
      summary: "This document.",
      answers: openApiSchema,
      handle: async () => {
        document ??= openApi(routes);
        return document;
      },
    }),
  ];
  return routes;
}
