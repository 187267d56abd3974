import { Fifo, InvariantError } from "../core/index.ts";
import type { Handle } from "../native/index.ts";
import { STATE_PARTS, type StageAdapter, type StatePart } from "./adapters.ts";
import { type Later, whenAllThere } from "./later.ts";
import type { LoweredAction } from "./lowering.ts";
import type { AdapterPair } from "./peft.ts";

export interface AdapterRoomInput {
  /** The most bytes of adapters that the plan has at once. */
  readonly roomBytes: number;
  bytesOf(job: number): number;
  create(job: number): StageAdapter;
  /** Whether a job's state is there to make its adapter from: not while it is being taken from other devices. */
  isAtHand(job: number): boolean;
  /** A job's group, and whether it ends with a mini-batch of it. */
  jobsOf(action: LoweredAction): readonly { readonly job: number; readonly isLast: boolean }[];
}

const NOTHING = { parameters: [], firstMoment: [], secondMoment: [] } as const;

/** A stage's share of a job's state. */
export type StageState = Readonly<Record<StatePart, readonly AdapterPair[]>>;

interface Held {
  readonly adapter: StageAdapter;
  readonly bytes: number;
  /** Whether nobody will ask for it any more. */
  isForgotten: boolean;
}

/**
 * The adapters on a stage's device. A job's is made before its first action there, in the order of these, as early as
 * the planned room allows; one whose job has ended is read and given back when another one needs its room.
 */
export class AdapterRoom {
  readonly #input: AdapterRoomInput;
  /** Jobs in the order in which the stage needs them, with the position of their first action. */
  readonly #coming = new Fifo<{ readonly job: number; readonly position: number }>();
  readonly #known = new Set<number>();
  /** By job that is there or comes, the position of its last action, once that has come. */
  readonly #last = new Map<number, number>();
  /** The same of its last update so far; and of jobs that are to be taken, of the last one before that. */
  readonly #lastUpdate = new Map<number, number>();
  readonly #leaving = new Map<number, number>();
  #isClosed = false;
  #bytes = 0;
  readonly #held = new Map<number, Held>();
  readonly #trained = new Map<number, Later<readonly AdapterPair[]>>();

  constructor(input: AdapterRoomInput) {
    this.#input = input;
  }

  /** The next actions of the stage's order. */
  expect(actions: readonly LoweredAction[]): void {
    for (const action of actions) {
      const { letter } = action.action;
      if (letter === "B") continue;
      for (const { job, isLast } of this.#input.jobsOf(action)) {
        if (letter === "F" && !this.#known.has(job)) {
          this.#known.add(job);
          this.#coming.add({ job, position: action.id });
        } else if (letter !== "F") {
          this.#lastUpdate.set(job, action.id);
          if (isLast) this.#last.set(job, action.id);
        }
      }
    }
  }

  /**
   * Whether all adapters that a position needs are there. Where not, actions that have not ended yet hold their room.
   * `numEnded`: of the order's actions.
   */
  admits(position: number, numEnded: number): boolean {
    const next = this.#coming.first;
    if (this.#isClosed || next === undefined || next.position > position) return true;
    this.fill(numEnded);
    return this.#coming.first !== next;
  }

  /** Makes the next adapters, as many as there is room for. */
  fill(numEnded: number): void {
    const { bytesOf, create, isAtHand, roomBytes } = this.#input;
    for (let next = this.#coming.first; next !== undefined; next = this.#coming.first) {
      const { job, position } = next;
      // What had come of it before it was to be taken is of its state as it was.
      if (position > (this.#leaving.get(job) ?? -1) && !isAtHand(job)) return;
      const bytes = bytesOf(job);
      this.#makeRoom(roomBytes - bytes, numEnded);
      if (this.#bytes + bytes > roomBytes) return;
      this.#held.set(job, { adapter: create(job), bytes, isForgotten: false });
      this.#bytes += bytes;
      this.#coming.take();
    }
  }

  /** No job begins any more. */
  close(): void {
    this.#isClosed = true;
  }

  handleOf(job: number): Handle {
    return this.#adapterOf(job).handle;
  }

  /** That of what a job's answers are compared with; undefined for the base. */
  referenceOf(job: number): Handle | undefined {
    return this.#adapterOf(job).reference;
  }

  /** Bytes that a job's adapter takes, by the device's own count. */
  takenBy(job: number): number {
    return this.#adapterOf(job).bytes();
  }

  #adapterOf(job: number): StageAdapter {
    const held = this.#held.get(job);
    if (held === undefined)
      throw new InvariantError({ expected: `the adapter of job ${job} on its device`, got: "none" });
    return held.adapter;
  }

  /**
   * A job's pairs of this stage's layers as they are now, or were when it ended; none for a job of another pipeline.
   * Nothing that is queued may use its adapter.
   */
  read(job: number): Later<readonly AdapterPair[]> {
    return this.#trained.get(job) ?? this.#held.get(job)?.adapter.read("parameters") ?? [];
  }

  /** The same with its moments, of a job that has not ended; empty where it is not there. */
  readState(job: number): Later<StageState> {
    const held = this.#held.get(job);
    if (held === undefined) return NOTHING;
    const parts = STATE_PARTS.map((part) => held.adapter.read(part));
    return whenAllThere(parts, ([parameters = [], firstMoment = [], secondMoment = []]) => ({
      parameters,
      firstMoment,
      secondMoment,
    }));
  }

  /** A job is to be taken once what has come of it has ended; actions of it that come from now on need it anew. */
  leave(job: number): void {
    this.#leaving.set(job, this.#lastUpdate.get(job) ?? -1);
    this.#known.delete(job);
  }

  /** Whether what had come of a job that is to be taken has ended. `numEnded`: of the order's actions. */
  hasLeft(job: number, numEnded: number): boolean {
    return this.#leaving.get(job)! < numEnded;
  }

  /**
   * Takes a job's adapter from the device before the job has ended, with its moments (`readState`); it is made again when
   * an action needs it. Nothing that is queued may use it.
   */
  evict(job: number): Later<StageState> {
    const held = this.#held.get(job);
    this.#leaving.delete(job);
    this.#lastUpdate.delete(job);
    if (held === undefined) return NOTHING;
    const state = this.readState(job);
    held.adapter.release();
    this.#held.delete(job);
    this.#bytes -= held.bytes;
    return state;
  }

  /** Nobody will ask for a job that has ended. */
  forget(job: number): void {
    this.#trained.delete(job);
    this.#known.delete(job);
    this.#lastUpdate.delete(job);
    const held = this.#held.get(job);
    if (held !== undefined) held.isForgotten = true;
  }

  /** Gives back ended jobs' adapters, those that ended first, until at most so many bytes are taken. */
  #makeRoom(most: number, numEnded: number): void {
    const ended = [...this.#held.keys()]
      .filter((job) => (this.#last.get(job) ?? Number.POSITIVE_INFINITY) < numEnded)
      .sort((a, b) => this.#last.get(a)! - this.#last.get(b)!);
    for (const job of ended) {
      if (this.#bytes <= most) return;
      const { adapter, bytes, isForgotten } = this.#held.get(job)!;
      if (!isForgotten) this.#trained.set(job, adapter.read("parameters"));
      adapter.release();
      this.#held.delete(job);
      this.#last.delete(job);
      this.#bytes -= bytes;
    }
  }
}
