import type { Channel, ChannelWay, World } from "../../native/index.ts";

/** The channels of a rank, each made when it is first used. */
export class RankChannels {
  readonly #world: World;
  readonly #known = new Map<string, Channel>();

  constructor(world: World) {
    this.#world = world;
  }

  to(peer: number, number: number, way: ChannelWay): Channel {
    const key = `${peer} ${number}`;
    const channel = this.#known.get(key) ?? this.#world.channel(peer, number, way);
    this.#known.set(key, channel);
    return channel;
  }
}
