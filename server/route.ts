import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";

/** What a handler is given, checked. The body is as it was sent: what a job leaves out is not for its schema to say. */
export interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** Who asks, as a route has it whose answer comes in pieces. */
export interface Asker {
  /** Another one for each token, and for the socket. */
  readonly key: string;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  /** Begins an answer of server-sent events, and gives what sends one with a text without line breaks as its data. */
  readonly stream: () => (data: string) => void;
}

/** What a handler returns that has streamed its answer. */
export const STREAMED = Symbol("streamed");

/** A route: what it takes, what it gives, and what the OpenAPI document says of it. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** As fastify has it: `/v1/jobs/:name`. */
  readonly path: string;
  /** What clients that are made from the OpenAPI document call it. */
  readonly id: string;
  readonly summary: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly status: number;
  /** Other statuses than those that any request can have. */
  readonly refusals: readonly number[];
  /** What of a body is looked at; all when absent. */
  readonly prepare?: (body: unknown) => unknown;
  /** Whose form its refusals have; this API's own when absent. */
  readonly errors?: "openai";
  readonly answer: RouteAnswer;
}

export type RouteAnswer =
  | {
      readonly media: "application/json";
      readonly schema: z.ZodType;
      /** Whether it may return `STREAMED`. */
      readonly streams: boolean;
      readonly handle: (input: RouteInput<unknown, unknown, unknown>, asker: Asker) => Promise<unknown>;
    }
  /** Anything else, which it sends by itself. */
  | {
      readonly media: "text/html" | "text/event-stream" | "text/plain";
      readonly send: (request: FastifyRequest, reply: FastifyReply, key: string) => Promise<void>;
    };

/** What any request may be answered with: bad, another host, no such path, too many at a time, a fault. */
export const ANY_REFUSALS = [400, 403, 404, 429, 500] as const;

interface JsonRoute<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>
  extends Omit<Route, "answer" | "params" | "query" | "body" | "status" | "refusals"> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly status?: number;
  readonly refusals?: readonly number[];
  readonly answers: A;
  readonly streams?: boolean;
  readonly handle: (
    input: RouteInput<z.output<P>, z.output<Q>, z.input<B>>,
    asker: Asker,
  ) => Promise<z.input<A> | typeof STREAMED>;
}

/** A route that answers in JSON, with the types of its handler from its schemas. */
export function jsonRoute<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  A extends z.ZodType = z.ZodType,
>({ answers, handle, status = 200, refusals = [], streams = false, ...facts }: JsonRoute<P, Q, B, A>): Route {
  const untyped = handle as (input: RouteInput<unknown, unknown, unknown>, asker: Asker) => Promise<unknown>;
  return {
    ...facts,
    status,
    refusals,
    answer: { media: "application/json", schema: answers, streams, handle: untyped },
  };
}
