import { setImmediate as others } from "node:timers/promises";
import type { AskedFleet, FleetState } from "../../sim/index.ts";
import { WorkerThreads } from "../../workbench/index.ts";
import type { KnownWorks } from "./known-works.ts";

/** Jobs whose work is copied at a time, between which others have their turn. */
const AT_ONCE = 8;

/** When the jobs of a live fleet end, found by a thread of its own while they train. */
export class BackgroundEnds implements AsyncDisposable {
  readonly #fleet: AskedFleet;
  readonly #works: KnownWorks;
  #threads: WorkerThreads<"fleetEnds", { readonly fleet: AskedFleet }> | undefined;
  #numTold = 0;

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
      await this.#threads.run([{ added: this.#next(), state: null }]);
      await others();
    }
    const state = stateOf();
    const [ends] = await this.#threads.run([{ added: this.#next(), state }]);
    return { state, ends: new Map(ends) };
  }

  #next(): KnownWorks["all"] {
    const added = this.#works.all.slice(this.#numTold, this.#numTold + AT_ONCE);
    this.#numTold += added.length;
    return added;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads?.[Symbol.asyncDispose]();
  }
}
