import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { RequestError } from "./request-error.ts";

const LOCAL_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/** A Host or the host of an Origin without its port. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}

/**
 * A page of another site that had its name point here would ask with that name, and one that sends requests here with
 * its own origin. @throws RequestError (403)
 */
export function checkOrigin({ headers }: Pick<IncomingMessage, "headers">): void {
  const { host = "", origin } = headers;
  if (!LOCAL_NAMES.includes(nameOf(host)))
    throw new RequestError(403, { expected: `a Host of ${LOCAL_NAMES.join(", ")}`, got: host });
  if (origin !== undefined && origin !== `http://${host}`)
    throw new RequestError(403, { expected: "no Origin, or this server's own", got: origin });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Headers that say who asks for what. Of two the one that is looked at need not be the one that others look at. */
const ONCE = ["host", "origin", "authorization", "content-type"];

/** @throws RequestError (400) */
export function checkHeaders({ headersDistinct }: Pick<IncomingMessage, "headersDistinct">): void {
  const twice = ONCE.find((name) => (headersDistinct[name]?.length ?? 0) > 1);
  if (twice !== undefined)
    throw new RequestError(400, { expected: "each header once", at: twice, got: headersDistinct[twice]!.length });
}

/** Which of the tokens was sent; compares in the same time whatever that was. @throws RequestError (401) */
export function checkToken({ headers }: Pick<IncomingMessage, "headers">, tokens: readonly string[]): number {
  const [, sent = ""] = /^Bearer (\S+)$/i.exec(headers.authorization ?? "") ?? [];
  const found = tokens.map((token) => timingSafeEqual(digest(sent), digest(token))).indexOf(true);
  if (found < 0)
    throw new RequestError(401, {
      expected: "the server's token as Authorization: Bearer",
      got: headers.authorization === undefined ? "none" : "another one",
      hint: "It is in the server's token file.",
    });
  return found;
}
