import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import path from "node:path";
import { DeviceError, InvariantError } from "../core/index.ts";
import { isSystemError, passFault, writeAll } from "../files/index.ts";
import { PageTable, type StateBytes } from "../plan/index.ts";
import { type AdapterState, FreshState, ReadState, STATE_PARTS, type StatePart } from "./adapters.ts";
import type { AdapterPair } from "./peft.ts";

export interface StatePagesInput {
  /** Bytes of states that memory holds. */
  readonly mostBytes: number;
  /** Where the others lie: made when it is needed, and gone at the end. It holds nothing that a run goes on from. */
  readonly folder: string;
  /** Jobs in the order in which they train next, as far as that is known. */
  order(): Iterable<number>;
}

/** Its numbers in their order in a file, and one after another in memory. */
function vectorsOf({ a, b, magnitudes }: AdapterPair): readonly Float32Array[] {
  return magnitudes === undefined ? [a, b] : [a, b, magnitudes];
}

const bytesOfPairs = (pairs: readonly AdapterPair[]): number =>
  pairs.reduce((sum, pair) => vectorsOf(pair).reduce((own, { byteLength }) => own + byteLength, sum), 0);

/** Where a pair lies in a page. */
interface PlacedPair {
  readonly pair: Pick<AdapterPair, "layer" | "projection">;
  readonly at: number;
  readonly lengths: readonly number[];
}

type Parts<T> = Readonly<Partial<Record<StatePart, readonly T[]>>>;

/**
 * The state of a job that is on no device: in memory, or on disk, from where each matrix is read when somebody asks for
 * it. It is there until all who hold it have let it go.
 */
export class KeptState implements AdapterState {
  readonly #pages: StatePages;
  readonly #key: number;
  #holders = 1;
  #inMemory: AdapterState | undefined;
  #placed: Parts<PlacedPair> = {};

  constructor(pages: StatePages, key: number, state: AdapterState) {
    this.#pages = pages;
    this.#key = key;
    const { parameters, firstMoment, secondMoment } = state;
    this.#inMemory = {
      parameters,
      ...(firstMoment === undefined ? {} : { firstMoment }),
      ...(secondMoment === undefined ? {} : { secondMoment }),
    };
  }

  get parameters(): readonly AdapterPair[] {
    return this.#part("parameters") ?? [];
  }

  get firstMoment(): readonly AdapterPair[] | undefined {
    return this.#part("firstMoment");
  }

  get secondMoment(): readonly AdapterPair[] | undefined {
    return this.#part("secondMoment");
  }

  /** One more needs it. */
  hold(): this {
    this.#holders += 1;
    return this;
  }

  /** One of those who need it does no more. */
  letGo(): void {
    this.#holders -= 1;
    if (this.#holders < 0) throw new InvariantError({ expected: "a state that somebody holds", got: this.#key });
    if (this.#holders > 0) return;
    this.#inMemory = undefined;
    this.#pages.drop(this.#key);
  }

  /** Writes it into a file, and holds no number of it any more. */
  leaveMemory(descriptor: number): void {
    const state = this.#inMemory!;
    const placed: Partial<Record<StatePart, readonly PlacedPair[]>> = {};
    let at = 0;
    for (const part of STATE_PARTS) {
      const pairs = state[part];
      if (pairs === undefined) continue;
      placed[part] = pairs.map((pair): PlacedPair => {
        const [start, vectors] = [at, vectorsOf(pair)];
        for (const { buffer, byteOffset, byteLength } of vectors) {
          writeAll(descriptor, new Uint8Array(buffer, byteOffset, byteLength), at);
          at += byteLength;
        }
        const { layer, projection } = pair;
        return { pair: { layer, projection }, at: start, lengths: vectors.map(({ length }) => length) };
      });
    }
    this.#placed = placed;
    this.#inMemory = undefined;
  }

  #part(part: StatePart): readonly AdapterPair[] | undefined {
    if (this.#inMemory !== undefined) return this.#inMemory[part];
    if (this.#holders === 0) throw new InvariantError({ expected: "a state that somebody holds", got: this.#key });
    const placed = this.#placed[part];
    if (placed === undefined) return undefined;
    return this.#pages.read(this.#key, (read) =>
      placed.map(({ pair, at, lengths }) => {
        let next = at;
        const [a, b, magnitudes] = lengths.map((length) => {
          const vector = read(next, length);
          next += vector.byteLength;
          return vector;
        });
        return { ...pair, a: a!, b: b!, ...(magnitudes === undefined ? {} : { magnitudes }) };
      }),
    );
  }
}

/** Whoever keeps a state lets it go. */
export function letGo(state: Pick<AdapterState, "parameters"> | undefined): void {
  if (state instanceof KeptState) state.letGo();
}

/** A state that one more keeps. */
export function held<State extends Pick<AdapterState, "parameters">>(state: State): State {
  return state instanceof KeptState ? state.hold() : state;
}

/** The states of jobs that are on no device: as many in memory as it may take, the others on disk. */
export class StatePages implements Disposable {
  readonly #folder: string;
  readonly #table: PageTable;
  readonly #states = new Map<number, KeptState>();
  #nextKey = 0;
  #hasFolder = false;

  constructor({ mostBytes, folder, order }: StatePagesInput) {
    this.#folder = folder;
    this.#table = new PageTable(mostBytes, order);
    // Of a process that was killed.
    rmSync(folder, { recursive: true, force: true });
  }

  /** The most bytes that were in memory, and on disk. */
  get peak(): StateBytes {
    return this.#table.peak;
  }

  /**
   * Keeps a state for one who needs it. One that can be made at any time takes no room.
   * @throws DeviceError where memory is short and the disk takes no more
   */
  keep(job: number, state: AdapterState): AdapterState {
    if (state instanceof FreshState) return state;
    const key = this.#nextKey;
    this.#nextKey += 1;
    const kept = new KeptState(this, key, state instanceof ReadState ? state.read() : state);
    this.#states.set(key, kept);
    const bytes = STATE_PARTS.reduce((sum, part) => sum + bytesOfPairs(kept[part] ?? []), 0);
    for (const gone of this.#table.keep(key, job, bytes)) this.#write(gone);
    return kept;
  }

  drop(key: number): void {
    if (this.#table.isOnDisk(key)) rmSync(this.#fileOf(key), { force: true });
    this.#table.drop(key);
    this.#states.delete(key);
  }

  /** @throws DeviceError where the file is not what was written */
  read<T>(key: number, use: (read: (at: number, length: number) => Float32Array) => T): T {
    const file = this.#fileOf(key);
    try {
      passFault("read", file);
      const descriptor = openSync(file, "r");
      try {
        return use((at, length) => readVector(descriptor, file, at, length));
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      throw isSystemError(error) ? pageError(file, "the state of a job that waits", error.message) : error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #fileOf(key: number): string {
    return path.join(this.#folder, `${key}.page`);
  }

  #write(key: number): void {
    const file = this.#fileOf(key);
    try {
      if (!this.#hasFolder) mkdirSync(this.#folder, { recursive: true });
      this.#hasFolder = true;
      passFault("open", file);
      const descriptor = openSync(file, "wx");
      try {
        this.#states.get(key)!.leaveMemory(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      if (!isSystemError(error)) throw error;
      rmSync(file, { force: true });
      throw pageError(file, "room on the disk for states of jobs that wait", error.message);
    }
  }
}

function pageError(file: string, expected: string, got: string): DeviceError {
  return new DeviceError({
    ...{ expected, file, got },
    hint: "`loratwin resume` goes on from the newest checkpoint; a larger --host-memory pages less.",
  });
}

function readVector(descriptor: number, file: string, at: number, length: number): Float32Array {
  const vector = new Float32Array(length);
  const bytes = new Uint8Array(vector.buffer);
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, at + done);
    if (count === 0)
      throw pageError(file, `${at + bytes.length} bytes at least`, `${fstatSync(descriptor).size} bytes`);
    done += count;
  }
  return vector;
}
