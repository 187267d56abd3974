import {
  actionShares,
  Budgets,
  type FleetEvent,
  type JournalLine,
  LiveWork,
  PLANNED_LETTERS,
  type Segment,
  type Setting,
  Spending,
} from "../../plan/index.ts";
import type { Run } from "../run/run.ts";

/** What jobs of a simulated fleet take of devices, action by action, and who has spent a budget by that. */
export class SpentByActions {
  readonly spending: Spending;
  readonly #setting: Setting;
  readonly #live: LiveWork;
  readonly #budgets: Budgets;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.spending = new Spending(setting.devices);
    this.#live = new LiveWork(setting);
    this.#budgets = new Budgets((name) => this.spending.of(name));
  }

  decided(line: JournalLine): void {
    this.#budgets.add(line);
  }

  append(segment: Segment): void {
    this.#live.append(segment);
  }

  /** What has ended. */
  add({ devices }: Run): void {
    const ended = devices.flatMap(({ stage, compute: { letters, microBatches, startNs, endNs } }) =>
      Array.from(endNs, (ns, at) => ({
        ...{ endNs: ns, ns: ns - startNs[at]!, stage },
        ...{ letter: PLANNED_LETTERS[letters[at]!]!, microBatch: microBatches[at]! },
      })),
    );
    // A job may have gone on elsewhere: what is over is forgotten in the order of time.
    ended.sort((a, b) => a.endNs - b.endNs);
    for (const { microBatch, ns, ...action } of ended) {
      this.spending.add(actionShares(this.#setting, this.#live, action, this.#live.microBatch(microBatch), ns));
      this.#live.end(microBatch);
    }
  }

  due(): readonly FleetEvent[] {
    return this.#budgets.due();
  }
}
