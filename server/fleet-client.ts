import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { text as wholeText } from "node:stream/consumers";
import type { z } from "zod";
import { DeviceError, InputError } from "../core/index.ts";
import { eventParser } from "./event-stream.ts";
import {
  type FleetStatus,
  fleetStatusSchema,
  type JobStatus,
  jobStatusSchema,
  type Notice,
  noticeSchema,
  type SubmittedJob,
  type WhatIfAnswer,
  whatIfAnswerSchema,
} from "./fleet-control.ts";
import { type CloneRequest, errorAnswerSchema, type JobsAnswer, jobsAnswerSchema } from "./messages.ts";
import { RETRY_AFTER } from "./request-error.ts";
import { noServer, type ServerAddress } from "./server-address.ts";

/** What other processes ask of a live fleet. What it does not grant is an InputError; where it is not, a DeviceError. */
export interface FleetClient {
  submit(job: SubmittedJob): Promise<JobStatus>;
  jobs(): Promise<JobsAnswer>;
  cancel(name: string): Promise<JobStatus>;
  setPriority(name: string, priority: number): Promise<JobStatus>;
  pause(name: string): Promise<JobStatus>;
  unpause(name: string): Promise<JobStatus>;
  clone(name: string, clone: CloneRequest): Promise<JobStatus>;
  whatIf(job: SubmittedJob, policy?: string): Promise<WhatIfAnswer>;
  status(): Promise<FleetStatus>;
  /**
   * Notices from now on, until the server ends or `signal` says so. `reset`: how things are has to be asked for, at the
   * start and where some were missed.
   */
  notices(signal: AbortSignal): AsyncGenerator<Notice | "reset">;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

function send(address: ServerAddress, { method, path, body, signal }: Asked): ClientRequest {
  const content = body === undefined ? undefined : JSON.stringify(body);
  const where =
    "socket" in address
      ? { socketPath: address.socket, headers: { host: "localhost" } }
      : { host: address.host, port: address.port, headers: { authorization: `Bearer ${address.token}` } };
  const headers = { ...where.headers, ...(content === undefined ? {} : { "content-type": "application/json" }) };
  const request = httpRequest({ ...where, method, path, headers, ...(signal === undefined ? {} : { signal }) });
  request.end(content);
  return request;
}

const NOBODY: Readonly<Record<string, string>> = {
  ENOENT: "no socket",
  ECONNREFUSED: "nobody who listens",
  ENOTSOCK: "no socket",
  EACCES: "no permission",
};

/** @throws DeviceError where nobody answers */
function responseOf(address: ServerAddress, request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", (error: NodeJS.ErrnoException) => {
      reject(noServer(address.name, NOBODY[error.code ?? ""] ?? error.message, error));
    });
  });
}

function parsed<T extends z.ZodType>(address: ServerAddress, schema: T, text: string): z.output<T> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new DeviceError(
      {
        expected: "an answer of a live fleet's server of this version",
        at: address.name,
        got: text.slice(0, 100),
      },
      { cause: error },
    );
  }
}

/** @throws InputError for what was not granted, DeviceError for a fault of the server, or one that is not ready */
function refused(address: ServerAddress, { statusCode, headers }: IncomingMessage, text: string): never {
  const { error } = parsed(address, errorAnswerSchema, text);
  if (statusCode === 500 || headers[RETRY_AFTER] !== undefined) throw new DeviceError({ at: address.name, ...error });
  throw new InputError(error);
}

function isGranted({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode < 300;
}

export function createFleetClient(address: ServerAddress): FleetClient {
  const ask = async <T extends z.ZodType>(answers: T, method: string, path: string, body?: unknown) => {
    const response = await responseOf(address, send(address, { method, path, body }));
    const text = await wholeText(response);
    return isGranted(response) ? parsed(address, answers, text) : refused(address, response, text);
  };
  const jobPath = (name: string, ...more: readonly string[]): string =>
    ["/v1/jobs", encodeURIComponent(name), ...more].join("/");

  async function* notices(signal: AbortSignal): AsyncGenerator<Notice | "reset"> {
    const response = await responseOf(address, send(address, { method: "GET", path: "/v1/events", signal }));
    if (!isGranted(response)) refused(address, response, await wholeText(response));
    const parse = eventParser();
    response.setEncoding("utf8");
    yield "reset";
    try {
      for await (const piece of response)
        for (const { event, data } of parse(piece as string))
          yield event === "reset" ? "reset" : parsed(address, noticeSchema, data);
    } catch (error) {
      // The connection ended, from one side or the other.
      if (error instanceof DeviceError) throw error;
    }
  }

  return {
    submit: (job) => ask(jobStatusSchema, "POST", "/v1/jobs", job),
    jobs: () => ask(jobsAnswerSchema, "GET", "/v1/jobs"),
    cancel: (name) => ask(jobStatusSchema, "DELETE", jobPath(name)),
    setPriority: (name, priority) => ask(jobStatusSchema, "PATCH", jobPath(name), { priority }),
    pause: (name) => ask(jobStatusSchema, "POST", jobPath(name, "pause")),
    unpause: (name) => ask(jobStatusSchema, "POST", jobPath(name, "unpause")),
    clone: (name, clone) => ask(jobStatusSchema, "POST", jobPath(name, "clone"), clone),
    whatIf: (job, policy) =>
      ask(whatIfAnswerSchema, "POST", "/v1/what-if", policy === undefined ? { job } : { job, policy }),
    status: () => ask(fleetStatusSchema, "GET", "/v1/status"),
    notices,
  };
}
