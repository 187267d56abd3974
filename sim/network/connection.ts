import { Fifo, type Nanos } from "../../core/index.ts";
import type { Route } from "./max-min.ts";

/** What several share: a wire, or the ports of a network. `T` says whose a message is. */
export interface SharedLine<T> {
  start(owner: T, bytes: number, nowNs: Nanos, route: Route): void;
  /** When the next message has left it if none starts before; null without messages. */
  nextEndNs(): Nanos | null;
  /** Removes the messages that have left it and returns their owners in order of start. */
  takeEnded(nowNs: Nanos): readonly T[];
}

/** The wire that a connection's bytes take, and what each message takes beside. */
export interface Carrier<T> {
  readonly latencyNs: number;
  /** How long bytes, by the number of their size, are on a wire of one's own; null on a shared line, and for no time. */
  readonly ownWireNs: ((size: number) => number) | null;
  /** The line that others use as well, and its ports where it has any. */
  readonly sharedLine: SharedLine<T | Connection<T>> | null;
  readonly route: Route;
}

/**
 * All that goes from one machine to another, over whichever boundaries: message after message, first in, first out, as
 * over one TCP connection. Where its wire is its own, the end of a message is known when it comes; on a shared line it
 * has one message at a time. `T` says whose a message is.
 */
export class Connection<T> {
  readonly carrier: Carrier<T>;
  readonly #waiting = new Fifo<{ readonly owner: T; readonly bytes: number }>();
  #freeNs = 0;

  constructor(carrier: Carrier<T>) {
    this.carrier = carrier;
  }

  /** On a wire of its own: when a message has left that comes now and takes so long. */
  follow(nowNs: number, durationNs: number): number {
    this.#freeNs = Math.max(this.#freeNs, nowNs) + durationNs;
    return this.#freeNs;
  }

  /** On a shared line: a message comes, and starts where none is in front of it. */
  add(owner: T, bytes: number, nowNs: number): void {
    this.#waiting.add({ owner, bytes });
    if (this.#waiting.size === 1) this.#start(bytes, nowNs);
  }

  /** Whose message has left the shared line; the one behind it starts. */
  leave(nowNs: number): T {
    const { owner } = this.#waiting.take()!;
    const next = this.#waiting.first;
    if (next !== undefined) this.#start(next.bytes, nowNs);
    return owner;
  }

  #start(bytes: number, nowNs: number): void {
    const { sharedLine, route } = this.carrier;
    sharedLine!.start(this, bytes, nowNs as Nanos, route);
  }
}
