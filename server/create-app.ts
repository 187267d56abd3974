import { isUtf8 } from "node:buffer";
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { z } from "zod";
import { duplicateKey, InputError, InvariantError } from "../core/index.ts";
import { checkDocument } from "../plan/index.ts";
import { unwritten } from "./admit-job.ts";
import { answerErrorOf } from "./answers/answer-refusal.ts";
import { StreamedReply } from "./answers/streamed-reply.ts";
import { compressAnswer } from "./compress-answer.ts";
import { checkHeaders, checkOrigin, checkToken } from "./guard.ts";
import { HEADERS } from "./headers.ts";
import type { Limits } from "./limits.ts";
import { RequestError, wireFacts } from "./request-error.ts";
import { type Route, type RouteInput, STREAMED } from "./route.ts";
import type { Shares } from "./shares.ts";

export interface AppOptions {
  readonly limits: Limits;
  /** Of which a request has to have one; undefined for one that came through the socket, whose mode is the guard. */
  readonly tokensFor: (request: FastifyRequest) => readonly string[] | undefined;
  /** Of requests, by who asks. */
  readonly places: Shares;
  /** Is told who asks. */
  readonly onKnown: (request: FastifyRequest, key: string) => void;
  /** Is told of what is no one's fault but the server's. */
  readonly onFault: (error: unknown) => void;
}

/** What fastify refuses before a route is asked, by its code. */
const REFUSED: Readonly<Record<string, (limits: Limits) => { readonly expected: string; readonly hint?: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ({ bodyBytes }) => ({ expected: `a body of at most ${bodyBytes} bytes` }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => ({ expected: "a body of content type application/json" }),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => ({ expected: "a body of JSON, or no content type where there is none" }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => ({ expected: "a body as long as its Content-Length" }),
};

const FAULT = { expected: "a server without faults", hint: "What happened is in the server's own messages." };

function asSentence(text: string): string {
  return `${text.replace(/(?<!\.)\.+$/, "")}.`;
}

function refusalOf(error: unknown, limits: Limits): RequestError | undefined {
  if (error instanceof RequestError) return error;
  const { code = "", statusCode, message } = error as Partial<FastifyError>;
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return undefined;
  const facts = REFUSED[code]?.(limits) ?? { expected: "a body of JSON", hint: asSentence(message ?? code) };
  return new RequestError(statusCode, facts);
}

/** @throws RequestError (400) for the first thing that is wrong */
function checked(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined;
  try {
    return checkDocument(schema, value, unwritten(value));
  } catch (error) {
    if (error instanceof InputError) throw new RequestError(400, error.facts, { cause: error });
    throw error;
  }
}

/** What an answer has to be, or the server is at fault. */
function checkedAnswer(route: Route, schema: z.ZodType, answer: unknown): unknown {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new InvariantError({
    expected: `an answer of ${route.method} ${route.path} as it is documented`,
    at: issue!.path.join("."),
    got: issue!.message,
  });
}

/** Levels of a body: deeper ones cannot be walked, nor written into a message, without the stack running out. */
const MOST_LEVELS = 100;

/** @throws RequestError (400) */
function checkLevels(body: unknown): void {
  let level: readonly unknown[] = [body];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_LEVELS) throw new RequestError(400, { expected: `a body of at most ${MOST_LEVELS} levels` });
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
}

/** What is wrong with the text of a body that its value does not show: it is too deep to look at, or says a key twice. */
function refusalOfKeys(text: string, body: unknown): RequestError | undefined {
  try {
    checkLevels(body);
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  const twice = duplicateKey(text, body);
  return twice && new RequestError(400, { expected: "each key once in an object", at: twice.key, got: "it twice" });
}

/** What an error is to who asked; told to `onFault` where it is nobody's but the server's. */
type RefuseError = (error: unknown) => RequestError;

function errorBody({ errors }: Pick<Route, "errors">, refusal: RequestError): unknown {
  return errors === "openai" ? answerErrorOf(refusal) : { error: wireFacts(refusal.facts) };
}

async function answer(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  {
    refusedOf,
    mostBehind,
    key,
  }: { readonly refusedOf: RefuseError; readonly mostBehind: number; readonly key: string },
): Promise<void> {
  if (route.answer.media !== "application/json") return route.answer.send(request, reply, key);
  const { handle, schema } = route.answer;
  const body = route.prepare === undefined ? request.body : route.prepare(request.body);
  checked(route.body, body);
  const input: RouteInput<unknown, unknown, unknown> = {
    params: checked(route.params, request.params),
    query: checked(route.query, request.query),
    body,
  };
  const streamed = new StreamedReply(reply, mostBehind, key);
  try {
    const given = await handle(input, streamed);
    if (given === STREAMED) streamed.end();
    else await reply.code(route.status).send(checkedAnswer(route, schema, given));
  } catch (error) {
    if (!streamed.hasBegun) throw error;
    streamed.end(JSON.stringify(errorBody(route, refusedOf(error))));
  }
}

/** The routes as a fastify instance that listens nowhere yet. */
export function createApp(
  routes: readonly Route[],
  { limits, tokensFor, places, onKnown, onFault }: AppOptions,
): FastifyInstance {
  const app = fastify({
    bodyLimit: limits.bodyBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256 },
    // A body must have what is asked for and nothing that changes what an object is.
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const facts = { expected: "an address that can be decoded", hint: asSentence(error.message) };
      void reply.code(error.statusCode ?? 400).send({ error: wireFacts(facts) });
    },
  });
  const byPath = new Map(routes.map((route) => [route.path, route]));
  const refusedOf: RefuseError = (error) => {
    const refusal = refusalOf(error, limits);
    if (refusal !== undefined) return refusal;
    onFault(error);
    return new RequestError(500, FAULT);
  };
  app.removeContentTypeParser("text/plain");
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, bytes: Buffer, done) => {
    if (!isUtf8(bytes)) return done(new RequestError(400, { expected: "a body of text in UTF-8" }));
    const text = bytes.toString("utf8");
    parse(request, text, (error, body: unknown) => {
      const refusal = error ?? refusalOfKeys(text, body);
      if (refusal === undefined) done(null, body);
      else done(refusal);
    });
  });
  const keys = new WeakMap<FastifyRequest, string>();
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    checkHeaders(request.raw);
    checkOrigin(request);
    const tokens = tokensFor(request);
    // The page itself holds nothing; it asks for the token.
    if (tokens !== undefined && request.routeOptions.url === "/") return;
    const key = tokens === undefined ? "socket" : `token ${checkToken(request, tokens)}`;
    keys.set(request, key);
    onKnown(request, key);
    const leave = places.take(key);
    if (leave === undefined) {
      reply.header("connection", "close");
      throw new RequestError(429, { expected: `at most ${limits.requests} requests at a time` });
    }
    reply.raw.once("close", leave);
  });
  app.addHook("onSend", compressAnswer);
  app.setErrorHandler(async (error, request, reply) => {
    const refusal = refusedOf(error);
    if (refusal.status === 401) reply.header("www-authenticate", "Bearer");
    return reply.code(refusal.status).send(errorBody(byPath.get(request.routeOptions.url ?? "") ?? {}, refusal));
  });
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split("?")[0];
    const facts = { expected: "a route of /v1/openapi.json", got: `${request.method} ${path}` };
    return reply.code(404).send({ error: wireFacts(facts) });
  });
  for (const route of routes)
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        await answer(route, request, reply, {
          ...{ refusedOf, mostBehind: limits.eventBacklogBytes, key: keys.get(request) ?? "" },
        });
        return reply;
      },
    });
  return app;
}
