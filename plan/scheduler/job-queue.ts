import { InvariantError } from "../../core/index.ts";
import { firstPlace } from "./first-place.ts";
import type { FleetJob } from "./fleet-job.ts";

type Compare = (a: FleetJob, b: FleetJob) => number;

/** A block that has grown to so many jobs becomes two. */
const MOST = 512;

/** Jobs in an order. They lie in blocks, so that one of a hundred thousand comes or goes without moving the others. */
export class JobQueue implements Iterable<FleetJob> {
  readonly #compare: Compare;
  /** None is empty. */
  readonly #blocks: FleetJob[][] = [];
  #size = 0;

  constructor(compare: Compare) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Iterator<FleetJob> {
    for (const block of this.#blocks) yield* block;
  }

  /** Whether something holds of all of them in turn, up to the first of which it does not. */
  every(holds: (job: FleetJob) => boolean): boolean {
    for (const block of this.#blocks) for (const job of block) if (!holds(job)) return false;
    return true;
  }

  /** As it is now. */
  toArray(): FleetJob[] {
    return this.#blocks.length === 1 ? this.#blocks[0]!.slice() : this.#blocks.flat();
  }

  add(job: FleetJob): void {
    this.#size += 1;
    const at = Math.min(this.#blockOf(job), Math.max(0, this.#blocks.length - 1));
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([job]);
      return;
    }
    block.splice(this.#placeIn(block, job), 0, job);
    if (block.length > MOST) this.#blocks.splice(at + 1, 0, block.splice(MOST >> 1));
  }

  /** The job as it was added. */
  remove(job: FleetJob): void {
    const { at, place } = this.#find(job);
    const block = this.#blocks[at]!;
    block.splice(place, 1);
    this.#size -= 1;
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** A job as it was added, and as it is now. */
  replace(before: FleetJob, job: FleetJob): void {
    if (this.#compare(before, job) === 0) {
      const { at, place } = this.#find(before);
      this.#blocks[at]![place] = job;
      return;
    }
    this.remove(before);
    this.add(job);
  }

  #find(job: FleetJob): { readonly at: number; readonly place: number } {
    const at = this.#blockOf(job);
    const place = at < this.#blocks.length ? this.#placeIn(this.#blocks[at]!, job) : 0;
    if (this.#blocks[at]?.[place] === job) return { at, place };
    // Others that are equal may stand before it.
    const found = this.#blocks.findIndex((block) => block.includes(job));
    if (found < 0) throw new InvariantError({ expected: "a job that is in the queue", got: job.number });
    return { at: found, place: this.#blocks[found]!.indexOf(job) };
  }

  /** The first block whose last job does not come before it. */
  #blockOf(job: FleetJob): number {
    return firstPlace(this.#blocks.length, (at) => this.#compare(this.#blocks[at]!.at(-1)!, job) >= 0);
  }

  /** The first place in a block whose job does not come before it. */
  #placeIn(block: readonly FleetJob[], job: FleetJob): number {
    return firstPlace(block.length, (place) => this.#compare(block[place]!, job) >= 0);
  }
}
