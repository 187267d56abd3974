import type { FastifyReply } from "fastify";
import type { Asker } from "../route.ts";

/** An answer that may come in pieces. Who does not keep up is dropped. */
export class StreamedReply implements Asker {
  readonly #reply: FastifyReply;
  readonly #gone = new AbortController();
  /** Bytes that a client may be behind. */
  readonly #mostBehind: number;
  readonly key: string;
  #hasBegun = false;

  constructor(reply: FastifyReply, mostBehind: number, key: string) {
    this.key = key;
    this.#reply = reply;
    this.#mostBehind = mostBehind;
    reply.raw.once("close", () => this.#gone.abort());
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  stream = (): ((data: string) => void) => {
    this.#hasBegun = true;
    this.#reply.hijack();
    const headers = { ...this.#reply.getHeaders(), "content-type": "text/event-stream; charset=utf-8" };
    this.#reply.raw.writeHead(200, headers as never);
    this.#reply.raw.flushHeaders();
    return this.#send;
  };

  readonly #send = (data: string): void => {
    const { raw } = this.#reply;
    if (raw.destroyed) return;
    raw.write(`data: ${data}\n\n`);
    if (raw.writableLength > this.#mostBehind) raw.destroy();
  };

  /** Ends a stream, which tells of an error where one has ended it. */
  end(error?: string): void {
    if (error !== undefined) this.#send(error);
    this.#reply.raw.end();
  }
}
