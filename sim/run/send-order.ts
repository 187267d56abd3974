import { type Channel, canSend } from "./channel.ts";

/** When the next message to start was made. */
function producedNs(channel: Channel): number {
  return channel.producedNs[channel.started & channel.mask]!;
}

/** Of two messages that may leave, the one made first; gradients before activations, then by sender. */
function goesFirst(a: Channel, b: Channel): boolean {
  const aNs = producedNs(a);
  const bNs = producedNs(b);
  if (aNs !== bNs) return aNs < bNs;
  if (a.kind !== b.kind) return a.kind === "gradient";
  return a.from < b.from;
}

/** The channels that may have become able to send since the last instant, and the order in which they do. */
export class SendOrder {
  /** Whether a channel is in one of the lists. */
  readonly #isListed: Uint8Array;
  readonly #added: Channel[] = [];
  #numAdded = 0;
  /** Those that could send when they were added, first one first, from `#next` to `#end`. */
  readonly #ready: Channel[] = [];
  #next = 0;
  #end = 0;

  constructor(numChannels: number) {
    this.#isListed = new Uint8Array(numChannels);
  }

  add(channel: Channel | null): void {
    if (channel === null || this.#isListed[channel.index] === 1) return;
    this.#isListed[channel.index] = 1;
    this.#added[this.#numAdded] = channel;
    this.#numAdded += 1;
  }

  /**
   * The next channel that may start a transfer now, taken out; null when there is none. Whoever takes it starts it
   * before asking again.
   */
  take(): Channel | null {
    for (let at = 0; at < this.#numAdded; at += 1) {
      const channel = this.#added[at]!;
      if (this.#isReady(channel)) this.#insert(channel);
      else this.#isListed[channel.index] = 0;
    }
    this.#numAdded = 0;
    while (this.#next < this.#end) {
      const channel = this.#ready[this.#next]!;
      this.#next += 1;
      this.#isListed[channel.index] = 0;
      if (this.#isReady(channel)) return channel;
    }
    this.#next = 0;
    this.#end = 0;
    return null;
  }

  #isReady(channel: Channel): boolean {
    return canSend(channel) && !channel.sendLane.busy && !channel.receiveLane.busy;
  }

  #insert(channel: Channel): void {
    const ready = this.#ready;
    let at = this.#end;
    this.#end += 1;
    while (at > this.#next && goesFirst(channel, ready[at - 1]!)) {
      ready[at] = ready[at - 1]!;
      at -= 1;
    }
    ready[at] = channel;
  }
}
