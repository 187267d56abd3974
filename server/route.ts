import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";

/** What a handler is given, checked. The body is as it was sent: what a job leaves out is not for its schema to say. */
export interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** A route: what it takes, what it gives, and what the OpenAPI document says of it. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** As fastify has it: `/v1/jobs/:name`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly status: number;
  /** Other statuses than those that any request can have. */
  readonly refusals: readonly number[];
  readonly answer: RouteAnswer;
}

export type RouteAnswer =
  | {
      readonly media: "application/json";
      readonly schema: z.ZodType;
      readonly handle: (input: RouteInput<unknown, unknown, unknown>) => Promise<unknown>;
    }
  /** Anything else, which it sends by itself. */
  | {
      readonly media: "text/html" | "text/event-stream" | "text/plain";
      readonly send: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
    };

/** What any request may be answered with: bad, no token, another host, no such path, too large, no JSON, a fault. */
export const ANY_REFUSALS = [400, 403, 404, 500] as const;

interface JsonRoute<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>
  extends Omit<Route, "answer" | "params" | "query" | "body" | "status" | "refusals"> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly status?: number;
  readonly refusals?: readonly number[];
  readonly answers: A;
  readonly handle: (input: RouteInput<z.output<P>, z.output<Q>, z.input<B>>) => Promise<z.input<A>>;
}

/** A route that answers in JSON, with the types of its handler from its schemas. */
export function jsonRoute<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  A extends z.ZodType = z.ZodType,
>({ answers, handle, status = 200, refusals = [], ...facts }: JsonRoute<P, Q, B, A>): Route {
  const untyped = handle as (input: RouteInput<unknown, unknown, unknown>) => Promise<unknown>;
  return { ...facts, status, refusals, answer: { media: "application/json", schema: answers, handle: untyped } };
}
