import { secondsToNanos } from "../../core/index.ts";
import { type CostModel, networkOf, type ResolvedLink } from "../../plan/index.ts";
import { type Carrier, Connection, type SharedLine } from "../network/connection.ts";
import { Wire } from "../network/link.ts";
import { machinePorts } from "../network/machine-ports.ts";
import type { OnConnection, OnLine } from "./channel.ts";
import type { RunSetting } from "./live-facts.ts";
import type { MessageSizes } from "./message-sizes.ts";

/**
 * What carries a plan's messages. A link that is shared has one wire; one of half duplex a wire for both directions,
 * between two machines for all that they tell each other; of any other link each direction has a wire of its own, but
 * that a machine which exchanges messages with several others has one port for all of them.
 */
export class Connections {
  readonly sharedLines: SharedLine<OnLine>[] = [];
  readonly #links: Pick<CostModel, "linkCost">;
  readonly #sizes: MessageSizes;
  readonly #wires = new Map<string, SharedLine<OnLine>>();
  /** From one machine to another, by both. */
  readonly #between = new Map<string, Map<string, Connection<OnConnection>>>();

  constructor(setting: RunSetting, links: Pick<CostModel, "linkCost">, sizes: MessageSizes) {
    this.#links = links;
    this.#sizes = sizes;
    const joined = joinedMachines(setting);
    const ports = machinePorts<OnLine>(
      joined.flatMap(({ from, to, link }) => {
        const { bytesPerSecond } = links.linkCost(link);
        return bytesPerSecond === null || !isOwn(link) ? [] : [{ from, to, bytesPerSecond }];
      }),
    );
    let usesPorts = false;
    for (const { from, to, link } of joined) {
      const route = ports.routeOf(from, to);
      usesPorts ||= route !== undefined;
      const own = this.carrierOf(link, [from, to]);
      const carrier = route === undefined ? own : { ...own, ownWireNs: null, sharedLine: ports.network, route };
      const known = this.#between.get(from) ?? new Map<string, Connection<OnConnection>>();
      this.#between.set(from, known.set(to, new Connection(carrier)));
    }
    if (usesPorts) this.sharedLines.push(ports.network);
  }

  /** From one machine to another; null within one. */
  between(from: string, to: string): Connection<OnConnection> | null {
    return this.#between.get(from)?.get(to) ?? null;
  }

  /** Of a link that nobody else uses, but for both of its directions or where it is shared. `pair`: the two ends. */
  carrierOf(link: ResolvedLink, pair: readonly string[]): Carrier<OnConnection> {
    const { latencySeconds, bytesPerSecond } = this.#links.linkCost(link);
    const latencyNs = secondsToNanos(latencySeconds);
    const none = { latencyNs, ownWireNs: null, sharedLine: null, route: [] };
    if (bytesPerSecond === null) return none;
    if (isOwn(link)) return { ...none, ownWireNs: this.#sizes.timesAt(bytesPerSecond) };
    const name = link.shared ? link.id : [...pair].sort().join(" ");
    let wire = this.#wires.get(name);
    if (wire === undefined) {
      wire = new Wire<OnLine>(bytesPerSecond);
      this.#wires.set(name, wire);
      this.sharedLines.push(wire);
    }
    return { ...none, sharedLine: wire };
  }
}

/** Whether each direction between two ends has the link's whole rate. */
function isOwn({ shared, duplex }: ResolvedLink): boolean {
  return !shared && duplex === undefined;
}

interface Joined {
  readonly from: string;
  readonly to: string;
  readonly link: ResolvedLink;
}

/** Machines that tell each other something, each pair both ways: neighbours messages, others gradient norms. */
function joinedMachines(setting: RunSetting): readonly Joined[] {
  const machines = setting.stages.map(({ device }) => setting.devices[device]!.machine);
  const joined = new Map<string, Joined>();
  const join = (link: ResolvedLink | null, one: string, other: string): void => {
    if (link === null || one === other || joined.has(`${one} ${other}`)) return;
    joined.set(`${one} ${other}`, { from: one, to: other, link });
    joined.set(`${other} ${one}`, { from: other, to: one, link });
  };
  setting.links.forEach((link, stage) => {
    join(link, machines[stage]!, machines[stage + 1]!);
  });
  for (const { firstStage, endStage } of setting.pipelines) {
    const own = machines.slice(firstStage, endStage);
    const network = networkOf(own, setting.links.slice(firstStage, endStage - 1));
    const names = [...new Set(own)];
    names.forEach((from, at) => {
      for (const to of names.slice(at + 1)) join(network ?? null, from, to);
    });
  }
  return [...joined.values()];
}
