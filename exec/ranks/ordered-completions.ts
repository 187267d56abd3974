import { Fifo } from "../../core/index.ts";
import type { Completion } from "../../native/index.ts";

interface Queued {
  readonly rank: number;
  readonly waits: readonly number[];
  readonly signal: number | undefined;
}

/** An event that tasks signal, until all of them have been told of: on which ranks they are, and which have not been. */
interface Signalled {
  readonly ranks: Set<number>;
  readonly open: Set<number>;
}

/**
 * What devices of several ranks report, put into an order in which each task comes behind those that it waited for, as the
 * reports of one process do: messages of different ranks arrive in any order.
 */
export class OrderedCompletions {
  /** By device, stream and number: the tasks that have not been told of. */
  readonly #tasks = new Map<string, Queued>();
  readonly #events = new Map<number, Signalled>();
  readonly #reported: readonly Fifo<Completion>[];

  constructor(numRanks: number) {
    this.#reported = Array.from({ length: numRanks }, () => new Fifo<Completion>());
  }

  /** Tasks that have not been told of. */
  get numOpen(): number {
    return this.#tasks.size;
  }

  enqueued(key: string, task: Queued): void {
    this.#tasks.set(key, task);
    if (task.signal === undefined) return;
    const event = this.#events.get(task.signal) ?? { ranks: new Set(), open: new Set() };
    event.ranks.add(task.rank);
    event.open.add(task.rank);
    this.#events.set(task.signal, event);
  }

  /** What a rank has reported, in the order in which it ended there. */
  report(rank: number, completions: readonly Completion[]): void {
    for (const done of completions) this.#reported[rank]!.add(done);
  }

  /** What can be told now. */
  take(): readonly Completion[] {
    const told: Completion[] = [];
    for (let moved = true; moved; ) {
      moved = false;
      for (const queue of this.#reported) {
        for (let next = queue.first; next !== undefined; next = queue.first) {
          const key = completionKey(next);
          const { rank, waits, signal } = this.#tasks.get(key)!;
          if (waits.some((event) => this.#isOpen(event, rank))) break;
          queue.take();
          this.#tasks.delete(key);
          if (signal !== undefined) this.#close(signal, rank);
          told.push(next);
          moved = true;
        }
      }
    }
    return told;
  }

  /** A message signals its event on both sides, each for its own rank. */
  #isOpen(event: number, rank: number): boolean {
    const known = this.#events.get(event);
    if (known === undefined) return false;
    return known.ranks.has(rank) ? known.open.has(rank) : known.open.size > 0;
  }

  #close(event: number, rank: number): void {
    const known = this.#events.get(event)!;
    known.open.delete(rank);
    if (known.open.size === 0) this.#events.delete(event);
  }
}

export function completionKey({ device, stream, id }: Pick<Completion, "device" | "stream" | "id">): string {
  return `${device} ${stream} ${id}`;
}
