import { type ProbedState, type SeenDevice, stateOfDevices } from "../../calibration/index.ts";
import { listener, type OwnWork, type RunListener, shareOfOthers } from "../../exec/index.ts";
import type { Setting } from "../../plan/index.ts";
import { keepState } from "./speed-history.ts";

/** So long is what a probe said before a fleet compared with how the machine was in it; later it is old. */
const TOLD_SECONDS = 600;

/** What is counted of a stage. */
interface Counted {
  busyNs: number;
  interruptedNs: number;
  switches: number;
  readonly samples: SeenDevice["samples"];
}

/**
 * How fast the machine was in the first minutes of a fleet, for the machine's history. What JavaScript took of the
 * devices' cores is no doing of the machine's, and left out.
 */
export class FleetSpeed {
  readonly #setting: Setting;
  readonly #probed: ProbedState;
  readonly #stages: readonly Counted[];
  readonly #ownWork: () => OwnWork | undefined;
  #readyMs = 0;
  #isTold = false;

  /** `probed`: what a probe said just before. `ownWork`: what JavaScript has done in the fleet so far. */
  constructor(setting: Setting, probed: ProbedState, ownWork: () => OwnWork | undefined) {
    this.#setting = setting;
    this.#probed = probed;
    this.#ownWork = ownWork;
    this.#stages = setting.stages.map(() => ({ busyNs: 0, interruptedNs: 0, switches: 0, samples: [] }));
  }

  readonly #count: RunListener = listener({
    ready: () => {
      this.#readyMs = performance.now();
    },
    completed: ({ batch }) => {
      for (const { stage, done } of batch) {
        const counted = this.#stages[stage]!;
        if (done.stream !== "compute") continue;
        counted.busyNs += done.endNs - done.startNs;
        counted.interruptedNs += done.interruptedNs ?? 0;
        counted.switches += done.switches ?? 0;
      }
      if (performance.now() - this.#readyMs > 1e3 * TOLD_SECONDS) this.tell();
    },
    speeds: ({ stage, samples }) =>
      void this.#stages[stage]!.samples.push(
        ...samples.map(({ atNs, product, copy }): [number, number, number] => [atNs / 1e9, product, copy]),
      ),
  });

  readonly hear: RunListener = (event) => {
    if (!this.#isTold) this.#count(event);
  };

  /** Once; nothing of a fleet in which no device has trained. */
  tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const work = this.#ownWork();
    const ofOthers = work === undefined ? 1 : shareOfOthers(work);
    const state = stateOfDevices(
      this.#stages
        .filter(({ busyNs }) => busyNs > 0)
        .map(({ busyNs, interruptedNs, ...device }) => ({
          ...device,
          busySeconds: busyNs / 1e9,
          interrupted: (ofOthers * interruptedNs) / busyNs,
        })),
    );
    if (state !== undefined) keepState(this.#setting, state, this.#probed);
  }
}
