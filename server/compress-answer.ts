import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";

const gzipped = promisify(gzip);

/** Characters of an answer below which compressing it saves nothing. */
const LEAST = 4096;

/** What is sent of an answer: of a long one, as the list of a thousand jobs, a tenth, to who takes that. */
export async function compressAnswer(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (typeof payload !== "string" || payload.length < LEAST) return payload;
  reply.header("vary", "accept-encoding");
  if (!/\bgzip\b/.test(`${request.headers["accept-encoding"]}`)) return payload;
  reply.header("content-encoding", "gzip");
  // In a thread of its own, and fast rather than small.
  return await gzipped(payload, { level: 1 });
}
