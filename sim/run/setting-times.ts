import type { ActionDurations, Contention, CostModel, OwnWorkCosts } from "../../plan/index.ts";
import type { DeviceClock } from "./device-clock.ts";

/** Times of a run beside those of its actions. */
export interface SettingTimes {
  readonly links: Pick<CostModel, "linkCost">;
  /** From the departure of each message to its arrival, by its sender's action, in place of the link's latency. */
  readonly message?: ActionDurations;
  /** How devices of one machine slow each other; then an action's time is with all of them at work. */
  readonly contention?: Contention;
  /** By stage, how its device's speed moves over time; then nothing else makes its actions slower or faster. */
  readonly clocks?: readonly DeviceClock[];
  /** What JavaScript does on the devices' cores. */
  readonly ownWork?: OwnWorkCosts;
  /** From the end of an action until its device can start the next. */
  readonly gapNs: number;
}
