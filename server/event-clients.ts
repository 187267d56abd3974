import type { ServerResponse } from "node:http";
import type { EventLog } from "./event-log.ts";
import { eventText, HEARTBEAT } from "./event-stream.ts";
import type { Limits } from "./limits.ts";
import { RequestError } from "./request-error.ts";
import { Shares } from "./shares.ts";

const HEARTBEAT_MS = 15_000;

/** Those who are sent events. Who does not keep up is dropped, and can come back with the id of its last event. */
export class EventClients implements Disposable {
  readonly #limits: Pick<Limits, "eventClients" | "eventBacklogBytes">;
  readonly #open = new Set<ServerResponse>();
  readonly #heartbeat: NodeJS.Timeout;

  readonly #places: Shares;

  /** `numKeys`: as `Shares` has it. */
  constructor(limits: Pick<Limits, "eventClients" | "eventBacklogBytes">, numKeys: number) {
    this.#limits = limits;
    this.#places = new Shares(limits.eventClients, numKeys);
    this.#heartbeat = setInterval(() => this.send(HEARTBEAT), HEARTBEAT_MS).unref();
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a place; what gives it back. @throws RequestError where there are as many as there may be */
  enter(key: string): () => void {
    const { eventClients } = this.#limits;
    const leave = this.#places.take(key);
    if (leave === undefined)
      throw new RequestError(503, {
        expected: `at most ${eventClients} connections for events`,
        got: this.#open.size,
        hint: "Close one, or ask for /v1/jobs from time to time.",
      });
    return leave;
  }

  /** Starts a stream: with what was missed since `lastId`, or with word that this cannot be told any more. */
  add(response: ServerResponse, log: EventLog, lastId: string | undefined): void {
    this.#open.add(response);
    response.on("close", () => this.#open.delete(response));
    const missed = lastId === undefined ? [] : log.after(lastId);
    if (missed === undefined) this.#write(response, eventText({ id: log.lastId, event: "reset", data: "{}" }));
    // An id without data is no event; it says from where on to come back.
    else if (missed.length === 0) this.#write(response, `id: ${log.lastId}\n\n`);
    else for (const text of missed) this.#write(response, text);
  }

  send(text: string): void {
    for (const response of this.#open) this.#write(response, text);
  }

  #write(response: ServerResponse, text: string): void {
    response.write(text);
    if (response.writableLength > this.#limits.eventBacklogBytes) {
      this.#open.delete(response);
      response.destroy();
    }
  }

  /** Ends every stream. */
  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    for (const response of this.#open) response.end();
    this.#open.clear();
  }
}
