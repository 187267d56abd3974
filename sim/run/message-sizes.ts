import type { Nanos } from "../../core/index.ts";
import { Wire } from "../network/link.ts";

/** Sizes of messages, numbered, and how long each is on a wire of its own at some rate. */
export class MessageSizes {
  readonly #bytes: number[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #times = new Map<number, number[]>();

  numberOf(bytes: number): number {
    const known = this.#numbers.get(bytes);
    if (known !== undefined) return known;
    this.#numbers.set(bytes, this.#bytes.length);
    this.#bytes.push(bytes);
    return this.#bytes.length - 1;
  }

  bytesOf(size: number): number {
    return this.#bytes[size]!;
  }

  /** Nanoseconds by the number of a size. */
  timesAt(bytesPerSecond: number): (size: number) => number {
    const known = this.#times.get(bytesPerSecond) ?? [];
    this.#times.set(bytesPerSecond, known);
    return (size) => {
      known[size] ??= aloneNs(bytesPerSecond, this.#bytes[size]!);
      return known[size];
    };
  }
}

/** How long one message takes on an idle wire: what a Wire says of it, so that both round alike. */
function aloneNs(bytesPerSecond: number, bytes: number): number {
  const wire = new Wire<null>(bytesPerSecond);
  wire.start(null, bytes, 0 as Nanos);
  for (;;) {
    const endNs = wire.nextEndNs()!;
    if (wire.takeEnded(endNs).length > 0) return endNs;
  }
}
