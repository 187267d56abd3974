import { DueSlots } from "../../core/index.ts";
import type { Channel } from "./channel.ts";
import type { Connections } from "./connections.ts";
import type { RunSetting } from "./live-facts.ts";
import { type SmallMessages, sendSmall } from "./small-message.ts";

/** Of an event and how often it was renewed. */
const NOTICE_BYTES = 16;

/**
 * What senders that wait for the arrival of their messages hear of it: between machines by a message back, behind what
 * is in front of it. Of a channel there is one at a time, since its sender waits.
 */
export class ArrivalNotices {
  readonly #machineOf: (stage: number) => string;
  readonly #connections: Connections;
  readonly #small: SmallMessages;
  readonly #due: DueSlots;

  constructor(setting: RunSetting, connections: Connections, numChannels: number, small: SmallMessages) {
    this.#machineOf = (stage) => setting.devices[setting.stages[stage]!.device]!.machine;
    this.#connections = connections;
    this.#small = small;
    this.#due = new DueSlots(numChannels);
  }

  /** A message of a channel has arrived. */
  send({ index, from, to }: Channel, nowNs: number): void {
    const back = this.#connections.between(this.#machineOf(to), this.#machineOf(from));
    if (back === null) this.#due.add(index, nowNs);
    else sendSmall(back, NOTICE_BYTES, nowNs, this.#small, (timeNs) => this.#due.add(index, timeNs));
  }

  /** When one arrives next; infinite where none does. */
  nextNs(): number {
    return this.#due.nextNs();
  }

  /** The index of a channel whose sender hears at that time; undefined without any more. */
  take(nowNs: number): number | undefined {
    return this.#due.nextNs() === nowNs ? this.#due.take() : undefined;
  }
}
