import { setImmediate as others } from "node:timers/promises";
import { WorkWriter, type WrittenSizes } from "../../plan/index.ts";
import type { AskedEnds, AskedFleet, FleetState } from "../../sim/index.ts";
import { WorkerThreads } from "../../workbench/index.ts";
import type { KnownWorks } from "./known-works.ts";

/** Jobs whose work is copied at a time, between which others have their turn. */
const AT_ONCE = 8;

/** Which jobs have sizes of rows, by their hash. */
class Uses {
  readonly #hashOf = new Map<number, string>();
  readonly #counts = new Map<string, number>();

  add(job: number, hash: string): void {
    this.#hashOf.set(job, hash);
    this.#counts.set(hash, (this.#counts.get(hash) ?? 0) + 1);
  }

  /** A job is over: the hash of what it was the last to have. */
  end(job: number): string | undefined {
    const hash = this.#hashOf.get(job);
    if (hash === undefined) return undefined;
    this.#hashOf.delete(job);
    const left = this.#counts.get(hash)! - 1;
    if (left > 0) {
      this.#counts.set(hash, left);
      return undefined;
    }
    this.#counts.delete(hash);
    return hash;
  }
}

/** When the jobs of a live fleet end, found by a thread of its own while they train. */
export class BackgroundEnds implements AsyncDisposable {
  readonly #fleet: AskedFleet;
  readonly #works: KnownWorks;
  #threads: WorkerThreads<"fleetEnds", { readonly fleet: AskedFleet }> | undefined;
  readonly #writer = new WorkWriter();
  readonly #uses = new Uses();
  #numTold = 0;
  #numOver = 0;

  constructor(fleet: AskedFleet, works: KnownWorks) {
    this.#fleet = fleet;
    this.#works = works;
  }

  /** By number, in nanoseconds of the fleet's clock. `stateOf` is called once what jobs train is there. */
  async from(
    stateOf: () => FleetState,
  ): Promise<{ readonly state: FleetState; readonly ends: ReadonlyMap<number, number> }> {
    this.#threads ??= new WorkerThreads("fleetEnds", { fleet: this.#fleet }, 1, { isPatient: true });
    while (this.#works.all.length - this.#numTold > AT_ONCE) {
      await this.#threads.run([{ ...this.#next(), state: null }]);
      await others();
    }
    const state = stateOf();
    const [ends] = await this.#threads.run([{ ...this.#next(), state }]);
    return { state, ends: new Map(ends) };
  }

  /** What has come, and is over, since it was told last; no more works than are copied at a time. */
  #next(): Omit<AskedEnds, "fleet" | "state"> {
    const { all, ended } = this.#works;
    const sizes: WrittenSizes[] = [];
    const added = all.slice(this.#numTold, this.#numTold + AT_ONCE).map((work, at) => {
      const written = this.#writer.write(work);
      if (written.sizes !== undefined) sizes.push(written.sizes);
      const hash = written.work.rows?.sizes;
      if (hash !== undefined) this.#uses.add(this.#numTold + at, hash);
      return written.work;
    });
    this.#numTold += added.length;
    const over: number[] = [];
    for (; this.#numOver < ended.length && ended[this.#numOver]! < this.#numTold; this.#numOver += 1)
      over.push(ended[this.#numOver]!);
    const unused = over.flatMap((number) => this.#uses.end(number) ?? []);
    for (const hash of unused) this.#writer.forget(hash);
    return { sizes, added, over, unused };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads?.[Symbol.asyncDispose]();
  }
}
