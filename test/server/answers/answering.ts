import { type IncomingMessage, request } from "node:http";
import type { LiveAnswers } from "../../../inference/index.ts";
import type { ServeOptions } from "../../../server/index.ts";
import { type Answer, ask, type Raw, type Served, serve } from "../served.ts";

export interface Answering extends Served {
  readonly post: (target: string, body: unknown, raw?: Raw) => Promise<Answer>;
  readonly get: (target: string, raw?: Raw) => Promise<Answer>;
}

/** A server that answers with these. */
export async function answering(
  answers: LiveAnswers | undefined,
  options: Partial<ServeOptions> = {},
): Promise<Answering> {
  const served = await serve({ answers, ...options });
  const { socket } = served.server.address;
  return {
    ...served,
    post: (target, body, raw = {}) => ask(socket, "POST", target, { ...raw, body }),
    get: (target, raw) => ask(socket, "GET", target, raw),
  };
}

/** What a refusal says to OpenAI's clients. */
export function refusedOf({ body }: Answer) {
  return (body as { error: { message: string; type: string; param: string | null; code: string | null } }).error;
}

/** The documents of a stream, whose end is told by `[DONE]`. */
export function eventsOf({ text }: Pick<Answer, "text">): readonly Record<string, unknown>[] {
  const blocks = text.split("\n\n").filter((block) => block !== "");
  return blocks
    .map((block) => block.replace(/^data: /, ""))
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data) as Record<string, unknown>);
}

/** Sends a body over the socket; gives what answers it with headers, and leaves the rest to the caller. */
export function begin(socketPath: string, path: string, body: unknown): Promise<IncomingMessage> {
  const headers = { host: "localhost", "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    request({ socketPath, method: "POST", path, headers })
      .on("response", resolve)
      .on("error", reject)
      .end(JSON.stringify(body));
  });
}
