/** A state that is kept of a job on no device. */
interface Page {
  readonly job: number;
  readonly bytes: number;
  /** What it was kept as, in order: of a job's states the oldest is needed last. */
  readonly place: number;
}

/** What is where, in bytes. */
export interface StateBytes {
  readonly memory: number;
  readonly disk: number;
}

/**
 * Which states of jobs are in a host's memory, and which on its disk. Where memory is short, the state goes that is
 * needed last (Belady, IBM Systems Journal 5, 1966), as far as it is known who trains when: jobs of which nobody knows
 * go before all others. Executor and simulator both ask it, so that they page alike.
 */
export class PageTable {
  readonly #mostBytes: number;
  /** Jobs in the order in which they train next, the soonest first. */
  readonly #order: () => Iterable<number>;
  readonly #memory = new Map<number, Page>();
  readonly #disk = new Map<number, number>();
  #nextPlace = 0;
  #bytes = { memory: 0, disk: 0 };
  #peak = { memory: 0, disk: 0 };

  constructor(mostBytes: number, order: () => Iterable<number>) {
    this.#mostBytes = mostBytes;
    this.#order = order;
  }

  get bytes(): StateBytes {
    return this.#bytes;
  }

  /** The most at any time, with room made for what came. */
  get peak(): StateBytes {
    return this.#peak;
  }

  /** A state is kept under a key of its own: the keys of those that go to the disk for it, perhaps itself. */
  keep(key: number, job: number, bytes: number): readonly number[] {
    this.#memory.set(key, { job, bytes, place: this.#nextPlace });
    this.#nextPlace += 1;
    this.#add("memory", bytes);
    const gone = this.#makeRoom();
    const { memory, disk } = this.#bytes;
    this.#peak = { memory: Math.max(this.#peak.memory, memory), disk: Math.max(this.#peak.disk, disk) };
    return gone;
  }

  isOnDisk(key: number): boolean {
    return this.#disk.has(key);
  }

  /** Nobody needs a state any more. */
  drop(key: number): void {
    const page = this.#memory.get(key);
    const onDisk = this.#disk.get(key);
    if (page !== undefined) this.#add("memory", -page.bytes);
    if (onDisk !== undefined) this.#add("disk", -onDisk);
    this.#memory.delete(key);
    this.#disk.delete(key);
  }

  #makeRoom(): readonly number[] {
    if (this.#bytes.memory <= this.#mostBytes) return [];
    const places = new Map<number, number>();
    for (const job of this.#order()) if (!places.has(job)) places.set(job, places.size);
    const placeOf = ({ job }: Page): number => places.get(job) ?? Number.POSITIVE_INFINITY;
    const last = [...this.#memory].sort(([, a], [, b]) => {
      const [one, other] = [placeOf(a), placeOf(b)];
      return one === other ? a.place - b.place : other - one;
    });
    const gone: number[] = [];
    for (const [key, { bytes }] of last) {
      if (this.#bytes.memory <= this.#mostBytes) break;
      this.#memory.delete(key);
      this.#disk.set(key, bytes);
      this.#add("memory", -bytes);
      this.#add("disk", bytes);
      gone.push(key);
    }
    return gone;
  }

  #add(where: keyof StateBytes, bytes: number): void {
    this.#bytes = { ...this.#bytes, [where]: this.#bytes[where] + bytes };
  }
}
