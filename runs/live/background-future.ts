import { setImmediate as others } from "node:timers/promises";
import type { AskedComer, AskedFleet, FleetState, FutureAnswer } from "../../sim/index.ts";
import { WorkerThreads } from "../../workbench/index.ts";
import type { KnownWorks } from "./known-works.ts";

/** Jobs whose work is copied at a time, between which others have their turn. */
const AT_ONCE = 8;

/** The future of a live fleet, simulated by a thread of its own while jobs train. */
export class BackgroundFuture implements AsyncDisposable {
  readonly #fleet: AskedFleet;
  readonly #works: KnownWorks;
  #threads: WorkerThreads<"fleetFuture", { readonly fleet: AskedFleet }> | undefined;
  #numTold = 0;

  constructor(fleet: AskedFleet, works: KnownWorks) {
    this.#fleet = fleet;
    this.#works = works;
  }

  /**
   * When jobs end, or with a comer what would be if it came. `stateOf` is called once what jobs train is there, and so is
   * `comerOf`.
   */
  async from(
    stateOf: () => FleetState,
    comerOf: () => AskedComer | undefined = () => undefined,
  ): Promise<FutureAnswer & { readonly state: FleetState }> {
    this.#threads ??= new WorkerThreads("fleetFuture", { fleet: this.#fleet }, 1, { isPatient: true });
    while (this.#works.all.length - this.#numTold > AT_ONCE) {
      await this.#threads.run([{ added: this.#next(), state: null }]);
      await others();
    }
    const [state, comer] = [stateOf(), comerOf()];
    const [answer] = await this.#threads.run([{ added: this.#next(), state, comer }]);
    return { state, ...answer };
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
