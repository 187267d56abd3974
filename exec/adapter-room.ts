import { InvariantError } from "../core/index.ts";
import type { Handle } from "../native/index.ts";
import type { Residents } from "../plan/index.ts";
import type { StageAdapter } from "./adapters.ts";
import type { AdapterPair } from "./peft.ts";

export interface AdapterRoomInput {
  readonly residents: Residents;
  /** The most bytes of adapters that the plan has at once. */
  readonly roomBytes: number;
  bytesOf(job: number): number;
  create(job: number): StageAdapter;
}

/**
 * The adapters on a stage's device. A job's is made before its first action there, in the order of these, as early as
 * the planned room allows; one whose job has ended is read and given back when another one needs its room.
 */
export class AdapterRoom {
  readonly #input: AdapterRoomInput;
  /** In the order in which the stage needs them. */
  readonly #jobs: readonly number[];
  #nextJob = 0;
  #isClosed = false;
  #bytes = 0;
  readonly #held = new Map<number, StageAdapter>();
  readonly #trained = new Map<number, readonly AdapterPair[]>();

  constructor(input: AdapterRoomInput) {
    const { first } = input.residents;
    this.#input = input;
    this.#jobs = [...first.keys()].filter((job) => first[job]! >= 0).sort((a, b) => first[a]! - first[b]! || a - b);
    this.#fill(0);
  }

  /**
   * Whether all adapters that a position needs are there. Where not, actions that have not ended yet hold their room.
   * `numEnded`: of the order's actions.
   */
  admits(position: number, numEnded: number): boolean {
    const next = this.#jobs[this.#nextJob];
    if (this.#isClosed || next === undefined || this.#input.residents.first[next]! > position) return true;
    this.#fill(numEnded);
    return this.#jobs[this.#nextJob] !== next;
  }

  /** No job begins any more. */
  close(): void {
    this.#isClosed = true;
  }

  handleOf(job: number): Handle {
    const adapter = this.#held.get(job);
    if (adapter === undefined)
      throw new InvariantError({ expected: `the adapter of job ${job} on its device`, got: "none" });
    return adapter.handle;
  }

  /**
   * A job's pairs of this stage's layers as they are now, or were when it ended; none for a job of another pipeline.
   * The device has to be idle.
   */
  read(job: number): readonly AdapterPair[] {
    return this.#trained.get(job) ?? this.#held.get(job)?.read() ?? [];
  }

  #fill(numEnded: number): void {
    const { bytesOf, create, roomBytes } = this.#input;
    for (let job = this.#jobs[this.#nextJob]; job !== undefined; job = this.#jobs[this.#nextJob]) {
      this.#makeRoom(roomBytes - bytesOf(job), numEnded);
      if (this.#bytes + bytesOf(job) > roomBytes) return;
      this.#held.set(job, create(job));
      this.#bytes += bytesOf(job);
      this.#nextJob += 1;
    }
  }

  /** Gives back ended jobs' adapters, those that ended first, until at most so many bytes are taken. */
  #makeRoom(most: number, numEnded: number): void {
    const { residents, bytesOf } = this.#input;
    const ended = [...this.#held.keys()]
      .filter((job) => residents.last[job]! < numEnded)
      .sort((a, b) => residents.last[a]! - residents.last[b]!);
    for (const job of ended) {
      if (this.#bytes <= most) return;
      const adapter = this.#held.get(job)!;
      this.#trained.set(job, adapter.read());
      adapter.release();
      this.#held.delete(job);
      this.#bytes -= bytesOf(job);
    }
  }
}
