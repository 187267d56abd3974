import { Fifo } from "../core/index.ts";
import { eventText } from "./event-stream.ts";
import type { Notice } from "./fleet-control.ts";
import type { Limits } from "./limits.ts";

interface KeptEvent {
  readonly number: number;
  /** As it is sent. */
  readonly text: string;
}

/**
 * The latest notices, numbered, for those who come back. An id is `<epoch>-<number>`; the epoch is another one for each
 * server, so that an id of an earlier one is known as such.
 */
export class EventLog {
  readonly #epoch: string;
  readonly #limits: Pick<Limits, "keptEvents" | "keptEventBytes">;
  readonly #kept = new Fifo<KeptEvent>();
  #bytes = 0;
  #last = 0;

  constructor(epoch: string, limits: Pick<Limits, "keptEvents" | "keptEventBytes">) {
    this.#epoch = epoch;
    this.#limits = limits;
  }

  get lastId(): string {
    return this.#id(this.#last);
  }

  #id(number: number): string {
    return `${this.#epoch}-${number}`;
  }

  /** Keeps a notice and returns it as it is sent. */
  add(notice: Notice): string {
    this.#last += 1;
    const text = eventText({ id: this.#id(this.#last), event: "notice", data: JSON.stringify(notice) });
    this.#kept.add({ number: this.#last, text });
    this.#bytes += text.length;
    const { keptEvents, keptEventBytes } = this.#limits;
    while (this.#kept.size > keptEvents || this.#bytes > keptEventBytes) this.#bytes -= this.#kept.take()!.text.length;
    return text;
  }

  /** What came after an id; undefined where that cannot be told any more. */
  after(id: string): readonly string[] | undefined {
    const [, epoch, digits] = /^([^-]+)-(\d+)$/.exec(id) ?? [];
    const number = Number(digits);
    if (epoch !== this.#epoch || number > this.#last) return undefined;
    if (number < (this.#kept.first?.number ?? this.#last + 1) - 1) return undefined;
    return [...this.#kept].filter((kept) => kept.number > number).map(({ text }) => text);
  }
}
