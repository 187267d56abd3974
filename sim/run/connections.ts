import { secondsToNanos } from "../../core/index.ts";
import { type CostModel, networkOf, type ResolvedLink } from "../../plan/index.ts";
import { type Carrier, Connection } from "../network/connection.ts";
import { Wire } from "../network/link.ts";
import type { OnConnection, OnWire } from "./channel.ts";
import type { RunSetting } from "./live-facts.ts";
import type { MessageSizes } from "./message-sizes.ts";

/**
 * The wires of a plan's links, and the connections between its machines. A link that is shared has one wire; one of half
 * duplex a wire for both directions, between two machines for all that they tell each other; of any other link each
 * direction has a wire of its own.
 */
export class Connections {
  readonly sharedWires: Wire<OnWire>[] = [];
  readonly #links: Pick<CostModel, "linkCost">;
  readonly #sizes: MessageSizes;
  readonly #wires = new Map<string, Wire<OnWire>>();
  /** From one machine to another, by both. */
  readonly #between = new Map<string, Map<string, Connection<OnConnection>>>();

  constructor(setting: RunSetting, links: Pick<CostModel, "linkCost">, sizes: MessageSizes) {
    this.#links = links;
    this.#sizes = sizes;
    const machines = setting.stages.map(({ device }) => setting.devices[device]!.machine);
    setting.links.forEach((link, stage) => {
      this.#join(link, machines[stage]!, machines[stage + 1]!);
    });
    // Machines that are no neighbours tell each other gradient norms.
    for (const { firstStage, endStage } of setting.pipelines) {
      const own = machines.slice(firstStage, endStage);
      const network = networkOf(own, setting.links.slice(firstStage, endStage - 1));
      const names = [...new Set(own)];
      names.forEach((from, at) => {
        for (const to of names.slice(at + 1)) this.#join(network ?? null, from, to);
      });
    }
  }

  /** From one machine to another; null within one. */
  between(from: string, to: string): Connection<OnConnection> | null {
    return this.#between.get(from)?.get(to) ?? null;
  }

  /** `pair`: the two ends, in any order. */
  carrierOf(link: ResolvedLink, pair: readonly string[]): Carrier<OnConnection> {
    const { latencySeconds, bytesPerSecond } = this.#links.linkCost(link);
    const latencyNs = secondsToNanos(latencySeconds);
    if (bytesPerSecond === null) return { latencyNs, ownWireNs: null, sharedWire: null };
    if (!link.shared && link.duplex === undefined)
      return { latencyNs, ownWireNs: this.#sizes.timesAt(bytesPerSecond), sharedWire: null };
    const name = link.shared ? link.id : [...pair].sort().join(" ");
    let sharedWire = this.#wires.get(name);
    if (sharedWire === undefined) {
      sharedWire = new Wire<OnWire>(bytesPerSecond);
      this.#wires.set(name, sharedWire);
      this.sharedWires.push(sharedWire);
    }
    return { latencyNs, ownWireNs: null, sharedWire };
  }

  /** Both ways, where they are not joined. */
  #join(link: ResolvedLink | null, one: string, other: string): void {
    if (link === null || one === other || this.between(one, other) !== null) return;
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const known = this.#between.get(from) ?? new Map<string, Connection<OnConnection>>();
      this.#between.set(from, known.set(to, new Connection(this.carrierOf(link, [from, to]))));
    }
  }
}
